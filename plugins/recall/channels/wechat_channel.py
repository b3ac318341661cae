"""WeChat messages of an official account, one per call.

Three kinds of message, each with rules of its own (RECALL_WECHAT_MESSAGE_TYPE):

- `template`: service notices; marketing is forbidden, so a campaign cannot use it. `client_msg_id` is recognised for
  ten minutes per openid.
- `subscription`: notices that the user asked for; the copy's subject line names the template's id and its text is the
  JSON object of its fields.
- `customer`: a text within 48 hours after the user wrote to the account.

`client_msg_id` is sent with each, but only the template interface documents that it is recognised.
Sources: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Self

from recall.channels.base import MessageDeliveryBase, required
from recall.channels.contract import Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, Reply, open_client, post
from recall.channels.quiet_logs import quiet_logs
from recall.domain.errors import UsageError

APP_VARIABLE = "RECALL_WECHAT_APP_ID"
SECRET_VARIABLE = "RECALL_WECHAT_APP_SECRET"
TYPE_VARIABLE = "RECALL_WECHAT_MESSAGE_TYPE"
ENDPOINT_VARIABLE = "RECALL_WECHAT_ENDPOINT_URL"

_PATHS = {
    "template": "/cgi-bin/message/template/send",
    "subscription": "/cgi-bin/message/subscribe/bizsend",
    "customer": "/cgi-bin/message/custom/send",
}
_TEMPLATE_KEYS_LAST = timedelta(minutes=10)
_HOST = "WeChat"

_TOKEN_IS_OLD = (40001, 40014, 42001)
_STOP = {
    40037: "no_such_template",
    40125: "credentials_refused",
    40164: "credentials_refused",
    45009: "quota_exhausted",
    48001: "not_allowed",
    48004: "account_suspended",
    50002: "account_suspended",
    61004: "credentials_refused",
}
_LATER = (45011, 45047)
_BUSY = -1


def open_wechat(settings: Settings) -> WechatDelivery:
    """Makes the delivery from the environment; the plugin `wechat`.

    Args:
        settings: RECALL_WECHAT_APP_ID, _APP_SECRET and _MESSAGE_TYPE in its environment.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return WechatDelivery(settings)


class WechatDelivery(MessageDeliveryBase):
    """One call per message, with a token that is fetched when it is needed.

    Args:
        settings: As for `open_wechat`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._type = settings.environment.get(TYPE_VARIABLE, "").strip()
        if self._type not in _PATHS:
            raise UsageError(f"{TYPE_VARIABLE}: expected {', '.join(_PATHS)}")
        is_template = self._type == "template"
        super().__init__(
            settings,
            Traits(
                frozenset({"wechat_openid"}),
                remembers_keys_for=_TEMPLATE_KEYS_LAST if is_template else timedelta(0),
                may_carry_marketing=not is_template,
                is_live=False,
            ),
        )
        quiet_logs()
        self._app_id = required(settings, APP_VARIABLE, "the account's app id")
        self._secret = required(settings, SECRET_VARIABLE, "the account's app secret")
        self._endpoint = settings.environment.get(ENDPOINT_VARIABLE, "").strip() or "https://api.weixin.qq.com"
        self._http = open_client(timeout_seconds)
        self._token = ""

    def __enter__(self) -> Self:
        """Fetches a token, so that wrong credentials are seen before anybody is claimed."""
        self._token = self._fetch_token()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the connections."""
        self._http.close()

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over; see the contract."""
        body = self._compose(message)
        if body is None:
            return Answer("refused", "not_composable")
        for is_last_try in (False, True):
            self._token = self._token or self._fetch_token()
            reply = self._post(f"{_PATHS[self._type]}?access_token={self._token}", body)
            if isinstance(reply, Answer):
                return reply
            values = reply.json_object()
            code = values.get("errcode") if values else None
            if not isinstance(code, int):
                return Answer("ambiguous", "unreadable_answer")
            if code in _TOKEN_IS_OLD and not is_last_try:
                # The call was not looked at; a token lives two hours and another program may have renewed it.
                self._token = ""
                continue
            return self._judged(code, str((values or {}).get("msgid") or ""))
        raise AssertionError("unreachable")

    def _judged(self, code: int, reference: str) -> Answer:
        if code == 0:
            return Answer("accepted", reference=reference)
        if code in _STOP or code in _TOKEN_IS_OLD:
            raise ChannelUnavailable(_STOP.get(code, "credentials_refused"), f"{_HOST} says {code}")
        if code in _LATER:
            return Answer("try_again", f"wechat_{code}")
        return Answer("ambiguous" if code == _BUSY else "refused", f"wechat_{code}")

    def _compose(self, message: Message) -> dict[str, Any] | None:
        content = message.content
        if content is None or not content.text.strip():
            return None
        body: dict[str, Any] = {"touser": message.contact_value, "client_msg_id": message.idempotency_key}
        if self._type == "customer":
            return body | {"msgtype": "text", "text": {"content": content.text.strip()}}
        try:
            fields = json.loads(content.text)
        except ValueError:
            return None
        if not content.subject or not isinstance(fields, dict):
            return None
        data = {name: value if isinstance(value, dict) else {"value": value} for name, value in fields.items()}
        return body | {"template_id": content.subject, "data": data}

    def _fetch_token(self) -> str:
        reply = self._post(
            "/cgi-bin/stable_token",
            {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret},
        )
        values = reply.json_object() if isinstance(reply, Reply) else None
        token = (values or {}).get("access_token")
        if isinstance(token, str) and token:
            return token
        code = (values or {}).get("errcode")
        reason = "credentials_refused" if code is not None and code != _BUSY else "no_token"
        raise ChannelUnavailable(reason, f"{_HOST} gives no token ({code}); see {APP_VARIABLE}")

    def _post(self, path: str, body: dict[str, Any]) -> Reply | Answer:
        return post(
            self._http,
            f"{self._endpoint}{path}",
            content=json.dumps(body, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json"},
            host=_HOST,
        )
