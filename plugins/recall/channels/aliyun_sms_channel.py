"""Text messages through Alibaba Cloud (dysmsapi 2017-05-25), up to 100 numbers per call.

Alibaba sends approved templates only: the copy's subject line names the template's code (`Subject: SMS_154950909`)
and its text is the JSON object of the template's variables. The interface documents no idempotency key, so nothing
unclear is repeated. One number that it cannot send to refuses the call as a whole, before anything is sent; it is found
by halves.

Sources: https://help.aliyun.com/document_detail/102364.html (SendBatchSms), https://help.aliyun.com/document_detail/101346.html
(error codes), https://help.aliyun.com/document_detail/101867.html (receipts by HTTP).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from recall.channels.base import MessageDeliveryBase, missing_extra, required
from recall.channels.contract import (
    ACCEPTED,
    Answer,
    ChannelUnavailable,
    Message,
    Receipt,
    ReceiptEvent,
    ReceiptRefused,
    Settings,
    Traits,
)
from recall.channels.halving import deliver_by_halves
from recall.channels.http_peer import TIMEOUT_SECONDS, judge, no_connection, was_never_sent
from recall.channels.quiet_logs import quiet_logs

KEY_VARIABLE = "RECALL_ALIYUN_ACCESS_KEY_ID"
SECRET_VARIABLE = "RECALL_ALIYUN_ACCESS_KEY_SECRET"
SIGNATURE_VARIABLE = "RECALL_ALIYUN_SMS_SIGN_NAME"
ENDPOINT_VARIABLE = "RECALL_ALIYUN_SMS_ENDPOINT"
BATCH_SIZE = 100

_STOP = {
    "isv.AMOUNT_NOT_ENOUGH": "quota_exhausted",
    "isv.OUT_OF_SERVICE": "quota_exhausted",
    "isv.DAY_LIMIT_CONTROL": "quota_exhausted",
    "isv.MONTH_LIMIT_CONTROL": "quota_exhausted",
    "isv.ACCOUNT_ABNORMAL": "account_suspended",
    "isv.ACCOUNT_NOT_EXISTS": "credentials_refused",
    "isp.RAM_PERMISSION_DENY": "credentials_refused",
    "InvalidAccessKeyId.NotFound": "credentials_refused",
    "InvalidAccessKeyId.Inactive": "credentials_refused",
    "SignatureDoesNotMatch": "credentials_refused",
    "isv.SMS_SIGNATURE_ILLEGAL": "sender_refused",
}
# Too many to one number in a minute, an hour or a day; or too many calls a second.
_LATER = ("isv.BUSINESS_LIMIT_CONTROL", "Throttling", "Throttling.User", "Throttling.Api")
_UNCLEAR = ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "ServiceUnavailable", "InternalError")


def open_aliyun_sms(settings: Settings) -> AliyunSmsDelivery:
    """Makes the delivery from the environment; the plugin `aliyun_sms`.

    Args:
        settings: RECALL_ALIYUN_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and _SMS_SIGN_NAME in its environment.

    Raises:
        UsageError: A variable is missing, or the extra `aliyun` is not installed.
    """
    return AliyunSmsDelivery(settings)


class AliyunSmsDelivery(MessageDeliveryBase):
    """One call per up to 100 messages of one template.

    Args:
        settings: As for `open_aliyun_sms`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(settings, Traits(frozenset({"phone"}), batch_size=BATCH_SIZE, is_live=False))
        try:
            from alibabacloud_dysmsapi20170525 import models
            from alibabacloud_dysmsapi20170525.client import Client
            from alibabacloud_tea_openapi.models import Config
            from darabonba.runtime import RuntimeOptions
            from Tea.exceptions import TeaException
        except ImportError as error:
            raise missing_extra(error, "aliyun") from None
        quiet_logs()
        self._secret = required(settings, SECRET_VARIABLE, "the access key's secret")
        self._signature = required(settings, SIGNATURE_VARIABLE, "the approved signature")
        endpoint = settings.environment.get(ENDPOINT_VARIABLE, "").strip() or "dysmsapi.aliyuncs.com"
        scheme, _, host = endpoint.rpartition("://")
        milliseconds = int(timeout_seconds * 1000)
        self._request: Any = models.SendBatchSmsRequest
        # Whatever breaks in a call is one of these: the vendor's refusal, or what the library stumbled over, wrapped.
        self._error: type[Exception] = TeaException
        self._client: Any = Client(
            Config(
                access_key_id=required(settings, KEY_VARIABLE, "the access key's id"),
                access_key_secret=self._secret,
                endpoint=host,
                protocol=scheme.upper() or "HTTPS",
            )
        )
        self._runtime: Any = RuntimeOptions(
            autoretry=False, max_attempts=1, read_timeout=milliseconds, connect_timeout=milliseconds
        )

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Hands messages over in one call, and those of a refused call by halves; see the contract."""
        answers: list[Answer | None] = [None if _parameters(one) is not None else _NOT_COMPOSABLE for one in messages]
        good = [one for one, answer in zip(messages, answers, strict=True) if answer is None]
        found = iter(deliver_by_halves(good, self._call) if good else ())
        return [answer or next(found) for answer in answers]

    def _call(self, messages: Sequence[Message]) -> Answer | Sequence[Answer]:
        assert messages[0].content is not None
        request = self._request(
            phone_number_json=json.dumps([_number(one.contact_value) for one in messages]),
            sign_name_json=json.dumps([self._signature] * len(messages), ensure_ascii=False),
            template_code=messages[0].content.subject,
            template_param_json=json.dumps([_parameters(one) for one in messages], ensure_ascii=False),
        )
        try:
            body = self._client.send_batch_sms_with_options(request, self._runtime).body
        except self._error as error:
            return self._refusal(error)
        answer = _judged(str(getattr(body, "code", "") or ""))
        if answer.verdict != "accepted":
            return answer
        return [Answer("accepted", reference=self._reference(str(body.biz_id), one.contact_value)) for one in messages]

    def _reference(self, call_id: str, phone: str) -> str:
        """Names one message of a call, whose reports tell the number only: by a keyed hash of it."""
        digest = hmac.new(self._secret.encode(), _number(phone).encode(), hashlib.sha256).hexdigest()
        return f"{call_id}:{digest[:16]}"

    def _refusal(self, error: Exception) -> Answer:
        code = str(getattr(error, "code", "") or "")
        status = getattr(error, "statusCode", None)
        if was_never_sent(error):
            raise no_connection("Alibaba Cloud", error) from None
        if code in _STOP or code in _LATER:
            return _judged(code)
        if isinstance(status, int):
            return judge(status, _retry_after(error), host="Alibaba Cloud") or Answer("ambiguous", "unreadable_answer")
        return Answer("ambiguous", "no_answer")

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads one call of Alibaba's receipts (SmsReport): a JSON list; its times are China's."""
        try:
            rows = json.loads(payload)
            return [self._receipt(row) for row in rows]
        except (ValueError, KeyError, TypeError):
            raise ReceiptRefused("not a list of SmsReport") from None

    def _receipt(self, row: Mapping[str, Any]) -> Receipt:
        reference = self._reference(str(row["biz_id"]), str(row["phone_number"]))
        reported_at = datetime.fromisoformat(row["report_time"]).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        event: ReceiptEvent = "delivered" if row["success"] else "bounced"
        return Receipt(f"{reference}:{event}", event, reported_at.astimezone(UTC), reference=reference)


_NOT_COMPOSABLE = Answer("refused", "not_composable")


def _judged(code: str) -> Answer:
    if code == "OK":
        return ACCEPTED
    if code in _STOP:
        raise ChannelUnavailable(_STOP[code], f"Alibaba Cloud says {code}")
    if code in _LATER:
        return Answer("try_again", "vendor_limit")
    if not code or code in _UNCLEAR:
        return Answer("ambiguous", "vendor_error" if code else "unreadable_answer")
    return Answer("refused", code.lower().replace(".", "_"))


def _number(phone: str) -> str:
    """Numbers of China go without a country code, others with it and without the plus sign."""
    return phone.removeprefix("+86") if phone.startswith("+86") else phone.removeprefix("+")


def _parameters(message: Message) -> dict[str, object] | None:
    if message.content is None or not message.content.subject:
        return None
    try:
        values = json.loads(message.content.text)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _retry_after(error: Exception) -> str | None:
    milliseconds = getattr(error, "retryAfter", None) or getattr(error, "retry_after", None)
    return str(int(milliseconds) // 1000) if milliseconds else None
