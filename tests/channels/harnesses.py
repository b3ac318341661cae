"""Each way of delivery with its peer: what the suite makes misbehave, and what the documentation's matrix lists."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, parse_qsl, urlencode
from xml.etree import ElementTree

from standardwebhooks.webhooks import Webhook
from tests.support.sftp_peer import SftpPeer, rsa_key
from tests.support.smpp_peer import SYSTEM_ERROR, THROTTLED, SmppPeer
from tests.support.smtp_peer import SmtpPeer

from recall.channels.ad_hashes import contact_kind, google_hash, meta_hash
from recall.channels.aliyun_sms_channel import AliyunSmsDelivery
from recall.channels.call_list_channel import open_call_list
from recall.channels.contract import Message, Settings
from recall.channels.coupon_api_channel import CouponApiDelivery
from recall.channels.email_channel import open_email
from recall.channels.file_drop_channel import open_file_drop
from recall.channels.gift_list_channel import open_gift_list
from recall.channels.google_channel import GoogleDelivery
from recall.channels.http_peer import open_client
from recall.channels.meta_channel import MetaDelivery
from recall.channels.red_packet_channel import RedPacketDelivery, bill_number, signature
from recall.channels.s3_file_channel import S3FileDelivery
from recall.channels.ses_channel import SesDelivery, aws_client
from recall.channels.smpp_channel import SmppDelivery
from recall.channels.standard_webhooks import WebhookSecret
from recall.channels.twilio_channel import TwilioDelivery
from recall.channels.webhook_channel import WebhookDelivery
from recall.channels.wechat_channel import WechatDelivery
from recall.domain.message_template import RenderedMessage
from recall.testing.channel_suite import SECRET, ChannelHarness, FaultCode
from recall.testing.fault_server import Fault, Request, Response, path_of
from recall.testing.http_harness import MAY_MARKET, NO_HOST_KEY, NOT_OF_ONE_MESSAGE, HttpHarness

TIMEOUT_SECONDS = 20.0
"""Long: answers are lost by hanging up, and a machine under load must not lose any more."""
WEBHOOK_SECRET = f"whsec_{base64.b64encode(SECRET.encode() * 2).decode()}"

NO_TIME = "the peer never names a time"
NO_RECEIPTS = "the peer tells nothing afterwards"
PLAIN = NOT_OF_ONE_MESSAGE


def ok(values: object, status: int = 200) -> Response:
    return Response(status, json.dumps(values).encode())


class TwilioHarness(HttpHarness):
    delivery_code, channel = "twilio", "sms"
    not_applicable = PLAIN

    def open(self) -> Any:
        environment = {
            "RECALL_TWILIO_ACCOUNT_SID": "AC1",
            "RECALL_TWILIO_AUTH_TOKEN": SECRET,
            "RECALL_TWILIO_SENDER": "+15005550006",
            "RECALL_TWILIO_CALLBACK_URL": "https://shop.example/twilio",
            "RECALL_TWILIO_ENDPOINT_URL": self.url,
        }
        return TwilioDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def answer(self, request: Request) -> Response:
        values = dict(parse_qsl(request.body.decode()))
        assert path_of(request) == "/2010-04-01/Accounts/AC1/Messages.json"
        assert values["Body"]
        assert values["From"] == "+15005550006"
        self.log.append(values["To"])
        return ok({"sid": f"SM{len(self.log)}", "status": "queued", "to": values["To"]}, 201)

    def error_body(self) -> bytes:
        return b'{"code": 21610, "message": "unsubscribed", "status": 400}'

    def quota_gone(self) -> Fault:
        return Fault("status", Response(429, b'{"code": 63038, "message": "daily limit", "status": 429}'))

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return [self._callback({"MessageSid": "SM1", "MessageStatus": state}) for state in ("sent", "delivered")]

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        payload, headers = self._callback({"MessageSid": "SM1", "MessageStatus": "sent"})
        return [(payload.replace(b"sent", b"read"), headers), (payload, {}), (b"\xff", headers)]

    def _callback(self, values: dict[str, str]) -> tuple[bytes, Mapping[str, str]]:
        signed = "https://shop.example/twilio" + "".join(f"{name}{values[name]}" for name in sorted(values))
        digest = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha1).digest()
        return urlencode(values).encode(), {"x-twilio-signature": base64.b64encode(digest).decode()}


class AliyunSmsHarness(HttpHarness):
    delivery_code, channel = "aliyun_sms", "sms"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = {
        **{fault: reason for fault, reason in PLAIN.items() if fault != "partial_success"},
        "rate_limited_with_wait": NO_TIME,
        "receipt_forged": "Alibaba does not sign its reports; the address they come to must be kept secret",
    }

    def open(self) -> Any:
        environment = {
            "RECALL_ALIYUN_ACCESS_KEY_ID": "key",
            "RECALL_ALIYUN_ACCESS_KEY_SECRET": SECRET,
            "RECALL_ALIYUN_SMS_SIGN_NAME": "商店",
            "RECALL_ALIYUN_SMS_ENDPOINT": self.url,
        }
        return AliyunSmsDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def content(self, number: int) -> RenderedMessage:
        return RenderedMessage("SMS_1", json.dumps({"days": str(number)}))

    def answer(self, request: Request) -> Response:
        values = {name: found[0] for name, found in parse_qs(request.body.decode()).items()}
        numbers = json.loads(values["PhoneNumberJson"])
        assert len(numbers) == len(json.loads(values["TemplateParamJson"])) == len(json.loads(values["SignNameJson"]))
        contacts = [f"+86{number}" for number in numbers]
        if self.bad_contacts & set(contacts):
            return ok({"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "no", "RequestId": "r"})
        self.log += contacts
        return ok({"Code": "OK", "BizId": f"b{len(self.log)}", "RequestId": "r"})

    def rate_limited(self, headers: Mapping[str, str]) -> Fault:
        return Fault("body", ok({"Code": "isv.BUSINESS_LIMIT_CONTROL", "RequestId": "r"}))

    def credentials_refused(self) -> Fault:
        return Fault("status", ok({"Code": "InvalidAccessKeyId.NotFound", "Message": "no", "RequestId": "r"}, 404))

    def quota_gone(self) -> Fault:
        return Fault("body", ok({"Code": "isv.AMOUNT_NOT_ENOUGH", "RequestId": "r"}))

    def error_body(self) -> bytes:
        return b'{"Code": "isv.BLACK_KEY_CONTROL_LIMIT", "RequestId": "r"}'

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        rows = [
            {
                "phone_number": f"1380013800{number}",
                "report_time": "2026-03-11 18:00:00",
                "success": number == 1,
                "biz_id": f"b{number}",
                "out_id": f"{number:032x}",
            }
            for number in (1, 2)
        ]
        return [(json.dumps([row]).encode(), {}) for row in rows]


class SmppHarness(ChannelHarness):
    delivery_code, channel = "smpp", "sms"
    is_live = True
    peer = "message centre of ours that speaks SMPP 3.4"
    not_applicable = PLAIN | {
        "rate_limited_with_wait": NO_TIME,
        "error_body": "an answer is a number",
        "html_answer": "an answer is a number",
        "cut_answer": "half a PDU is a lost connection, as in timeout_after_acceptance",
        "quota_gone": "SMPP has no status for it: everybody is put off, and the sender stops after twenty",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.smpp = SmppPeer()
        self.url = f"smpp://shop:letmein@127.0.0.1:{self.smpp.port}"

    def __enter__(self) -> Self:
        self.smpp.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.smpp.__exit__()

    def open(self) -> Any:
        environment = {"RECALL_SMPP_URL": self.url, "RECALL_SMPP_SENDER": "Shop"}
        return SmppDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def contact(self, number: int) -> str:
        return f"+86138001380{number:02d}"

    @property
    def accepted(self) -> Sequence[str]:
        return [f"+{one.destination}" for one in self.smpp.accepted]

    def inject(self, fault: FaultCode) -> None:
        match fault:
            case "rate_limited":
                self.smpp.behaviour.statuses.append(THROTTLED)
            case "server_errors":
                self.smpp.behaviour.statuses.append(SYSTEM_ERROR)
            case "timeout_after_acceptance":
                self.smpp.behaviour.hangs_up_after_accepting = True
            case "credentials_refused":
                self.url = self.url.replace("letmein", SECRET)
            case "no_connection":
                self.url = "smpp://shop:x@127.0.0.1:1"
            case _:
                raise AssertionError(fault)

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        text = "id:{} sub:001 dlvrd:001 submit date:2603111000 done date:2603111001 stat:{} err:000 text:"
        return [(text.format("m1", state).encode(), {}) for state in ("ACCEPTD", "DELIVRD")]

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return [(b"STOP", {}), (b"id:m1 done date:9999999999 stat:DELIVRD", {})]


class EmailHarness(ChannelHarness):
    delivery_code, channel = "smtp", "email"
    is_live = True
    peer = "aiosmtpd"
    peer_loggers = ("mail.log", "mail.debug")
    not_applicable = PLAIN | {
        "rate_limited_with_wait": NO_TIME,
        "error_body": "an answer is a number",
        "html_answer": "an answer is a number",
        "cut_answer": "half a reply is a lost connection, as in timeout_after_acceptance",
        "quota_gone": "SMTP has no code for it: everybody is put off, and the sender stops after twenty",
        "receipts_repeated": NO_RECEIPTS,
        "receipt_forged": NO_RECEIPTS,
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.smtp = SmtpPeer()
        self.environment = dict(self.smtp.environment)

    def __enter__(self) -> Self:
        self.smtp.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.smtp.__exit__()

    def open(self) -> Any:
        return open_email(self.settings(self.environment))

    def contact(self, number: int) -> str:
        return f"canary{number}@example.com"

    @property
    def accepted(self) -> Sequence[str]:
        return self.smtp.log.receivers

    def inject(self, fault: FaultCode) -> None:
        behaviour = self.smtp.behaviour
        match fault:
            case "rate_limited":
                replies = iter(["450 slow down"])
                behaviour.at_rcpt = lambda receiver: next(replies, None)
            case "server_errors":
                behaviour.at_end = lambda receiver: "451 local error"
            case "timeout_after_acceptance":
                behaviour.hang_up_after_accepting = lambda receiver: True
            case "credentials_refused":
                url = self.environment["RECALL_SMTP_URL"]
                self.environment["RECALL_SMTP_URL"] = url.replace("smtp://", f"smtp://shop:{SECRET}@")
            case "no_connection":
                self.environment["RECALL_SMTP_URL"] = "smtp://127.0.0.1:1?tls=none"
            case _:
                raise AssertionError(fault)


@cache
def _moto_url() -> str:
    """Where moto's server is: one for the whole run, which forgets everything when it is told to, and ends with it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


class MotoHarness(HttpHarness):
    """AWS, played by moto's server, behind a server that misbehaves."""

    is_live = True
    peer = "moto server, behind a proxy that misbehaves"
    peer_loggers = ("werkzeug", "moto")

    behind = ""

    def __enter__(self) -> Self:
        self.behind = _moto_url()
        with open_client(TIMEOUT_SECONDS) as client:
            client.post(f"{self.behind}/moto-api/reset")
        return super().__enter__()

    def answer(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("connection", "expect")}
        with open_client(TIMEOUT_SECONDS) as client:
            reply = client.request(request.method, self.behind + request.path, headers=headers, content=request.body)
        return Response(reply.status_code, reply.content, dict(reply.headers))

    def aws(self, variable: str) -> dict[str, str]:
        return {
            variable: self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def rate_limited(self, headers: Mapping[str, str]) -> Fault:
        return self._error(429, "TooManyRequestsException", headers)

    def credentials_refused(self) -> Fault:
        return self._error(403, "SignatureDoesNotMatch", {})

    def quota_gone(self) -> Fault:
        return self._error(400, "LimitExceededException", {})

    def _error(self, status: int, code: str, headers: Mapping[str, str]) -> Fault:
        values = {"Content-Type": "application/json", "x-amzn-ErrorType": code, **headers}
        return Fault("status", Response(status, b'{"message": "no"}', values))


class SesHarness(MotoHarness):
    delivery_code, channel = "ses", "email"
    not_applicable = PLAIN | {
        "receipts_repeated": "SES reports through SNS, which is not read",
        "receipt_forged": "SES reports through SNS, which is not read",
    }

    def __enter__(self) -> Self:
        super().__enter__()
        client = aws_client("ses", self.settings(self.aws("SES")), "SES")
        client.verify_email_identity(EmailAddress="news@shop.example")
        return self

    def open(self) -> Any:
        environment = self.aws("RECALL_SES_ENDPOINT_URL") | {"RECALL_SMTP_SENDER": "Shop <news@shop.example>"}
        return SesDelivery(
            self.settings(environment),
            aws_client("sesv2", self.settings(environment), "RECALL_SES_ENDPOINT_URL", timeout=TIMEOUT_SECONDS),
        )

    def is_fallible(self, request: Request) -> bool:
        return path_of(request) == "/v2/email/outbound-emails"

    def contact(self, number: int) -> str:
        return f"canary{number}@example.com"

    @property
    def accepted(self) -> Sequence[str]:
        from moto.backends import get_backend

        messages = get_backend("ses")["123456789012"]["us-east-1"].sent_messages
        # moto notes a receiver once for the envelope and once for the header.
        return [receiver for message in messages for receiver in sorted(set(message.destinations))]


class S3FileHarness(MotoHarness):
    delivery_code, channel = "s3_file", "media"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = {
        "rate_limited": "a put that failed is done again under its own name, whatever the reason",
        "rate_limited_with_wait": "a put that failed is done again under its own name, whatever the reason",
        "partial_success": "a file is there as a whole or not at all",
        "poison_record": "a contact of another kind never reaches the channel",
        "error_body": "a put has no body; its status is the answer",
        "html_answer": "a put has no body; its status is the answer",
        "cut_answer": "a put has no body; its status is the answer",
        "receipts_repeated": NO_RECEIPTS,
        "receipt_forged": NO_RECEIPTS,
        "quota_gone": "a bucket has none",
        "connection_cut": "an object is there as a whole or not at all",
        "wrong_host_key": NO_HOST_KEY,
        "taken_back": "a file of those who are to go takes them back",
        "marketing_refused": MAY_MARKET,
    }

    def __enter__(self) -> Self:
        super().__enter__()
        self._client().create_bucket(Bucket="audiences")
        return self

    def _client(self) -> Any:
        return aws_client("s3", self.settings(self.aws("S3") | {"S3": self.behind}), "S3")

    def open(self) -> Any:
        environment = self.aws("RECALL_S3_ENDPOINT_URL") | {"RECALL_S3_BUCKET": "audiences", "RECALL_S3_PREFIX": "out"}
        return S3FileDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def is_fallible(self, request: Request) -> bool:
        return request.method == "PUT" or (request.method == "HEAD" and self._is_locked)

    _is_locked = False

    def inject(self, fault: FaultCode) -> None:
        self._is_locked = fault == "credentials_refused"
        super().inject(fault)

    def name_of(self, message: Message) -> str:
        return meta_hash(contact_kind(message.contact_value), message.contact_value) or ""

    @property
    def accepted(self) -> Sequence[str]:
        client = self._client()
        found = client.list_objects_v2(Bucket="audiences").get("Contents", [])
        return [
            row["phone_sha256"]
            for one in found
            if one["Key"].endswith(".csv")
            for row in csv.DictReader(
                client.get_object(Bucket="audiences", Key=one["Key"])["Body"].read().decode().splitlines()
            )
        ]


class WechatHarness(HttpHarness):
    delivery_code, channel = "wechat", "wechat"
    peer = "stand-in of the interface"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = {
        **{fault: reason for fault, reason in PLAIN.items() if fault != "marketing_refused"},
        "receipts_repeated": "WeChat's events are not read",
        "receipt_forged": "WeChat's events are not read",
    }
    _type = "subscription"

    def open(self) -> Any:
        environment = {
            "RECALL_WECHAT_APP_ID": "wx1",
            "RECALL_WECHAT_APP_SECRET": SECRET,
            "RECALL_WECHAT_MESSAGE_TYPE": self._type,
            "RECALL_WECHAT_ENDPOINT_URL": self.url,
        }
        return WechatDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def contact(self, number: int) -> str:
        return f"oCanaryOpenId{number}"

    def content(self, number: int) -> RenderedMessage:
        return RenderedMessage("TEMPLATE", json.dumps({"thing1": f"number {number}"}))

    def is_fallible(self, request: Request) -> bool:
        return path_of(request) != "/cgi-bin/stable_token" or self._is_locked

    _is_locked = False

    def answer(self, request: Request) -> Response:
        values = json.loads(request.body)
        if path_of(request) == "/cgi-bin/stable_token":
            assert values["secret"] == SECRET
            return ok({"access_token": f"{SECRET}-token", "expires_in": 7200})
        assert f"access_token={SECRET}-token" in request.path
        assert values["client_msg_id"]
        assert values["data"]["thing1"]["value"]
        self.log.append(values["touser"])
        return ok({"errcode": 0, "errmsg": "ok", "msgid": len(self.log)})

    def inject(self, fault: FaultCode) -> None:
        if fault == "marketing_refused":
            self._type = "template"
            return
        self._is_locked = fault == "credentials_refused"
        super().inject(fault)

    def credentials_refused(self) -> Fault:
        return Fault("body", ok({"errcode": 40125, "errmsg": "invalid appsecret"}))

    def quota_gone(self) -> Fault:
        return Fault("body", ok({"errcode": 45009, "errmsg": "reach max api daily quota limit"}))

    def error_body(self) -> bytes:
        return b'{"errcode": 43101, "errmsg": "user refuse to accept the msg"}'


class CouponApiHarness(HttpHarness):
    delivery_code, channel = "coupon_api", "welfare"
    peer = "stand-in of an interface with Idempotency-Key"
    not_applicable = PLAIN | {"poison_record": "a coupon needs no copy; what the interface refuses is in error_body"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.by_key: dict[str, Response] = {}

    def open(self) -> Any:
        environment = {
            "RECALL_COUPON_API_URL": f"{self.url}/coupons",
            "RECALL_COUPON_API_TOKEN": SECRET,
            "RECALL_COUPON_API_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        return CouponApiDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def answer(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        key = request.headers["idempotency-key"]
        if key not in self.by_key:
            self.log.append(json.loads(request.body)["receiver"])
            self.by_key[key] = ok({"status": "issued", "coupon_id": f"c{len(self.log)}"}, 201)
        return self.by_key[key]

    def error_body(self) -> bytes:
        return b'{"status": "refused", "reason": "not_a_member"}'

    def quota_gone(self) -> Fault:
        return Fault("body", ok({"status": "refused", "reason": "budget_exhausted"}))

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return signed_receipts()

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return forged(signed_receipts()[0])


def signed_receipts() -> list[tuple[bytes, Mapping[str, str]]]:
    """Receipts in our own form, signed by the scheme's own library."""
    found = []
    for event in ("delivered", "opened"):
        payload = json.dumps({"idempotency_key": "1" * 32, "event": event, "occurred_at": "2026-03-11T10:00:00+08:00"})
        now = datetime.now(UTC)
        signed = Webhook(WEBHOOK_SECRET).sign(f"r-{event}", now, payload)
        headers = {"webhook-id": f"r-{event}", "webhook-timestamp": str(int(now.timestamp()))}
        found.append((payload.encode(), headers | {"webhook-signature": signed}))
    return found


def forged(receipt: tuple[bytes, Mapping[str, str]]) -> list[tuple[bytes, Mapping[str, str]]]:
    """A changed body, a stale time, a signature of somebody else, none, and one that is signed and makes no sense."""
    payload, headers = receipt
    other = WebhookSecret(f"whsec_{base64.b64encode(b'x' * 32).decode()}", "OTHER")
    own = WebhookSecret(WEBHOOK_SECRET, "OWN")
    now = datetime.now(UTC)
    return [
        (payload.replace(b"delivered", b"complained"), headers),
        (payload, own.headers("r", datetime(2026, 1, 1, tzinfo=UTC), payload)),
        (payload, other.headers("r", now, payload)),
        (payload, {}),
        (b"[1]", own.headers("r", now, b"[1]")),
    ]


class RedPacketHarness(HttpHarness):
    delivery_code, channel = "red_packet", "welfare"
    peer = "stand-in of the interface, which checks the signature"
    not_applicable = PLAIN | {
        "rate_limited_with_wait": NO_TIME,
        "receipts_repeated": NO_RECEIPTS,
        "receipt_forged": NO_RECEIPTS,
        "poison_record": "a packet needs no copy; what WeChat refuses is in error_body",
    }

    def open(self) -> Any:
        environment = {
            "RECALL_RED_PACKET_MCH_ID": "10000098",
            "RECALL_RED_PACKET_API_KEY": SECRET,
            "RECALL_RED_PACKET_APP_ID": "wx1",
            "RECALL_RED_PACKET_FEN": "100",
            "RECALL_RED_PACKET_SEND_NAME": "商店",
            "RECALL_RED_PACKET_ENDPOINT_URL": self.url,
        }
        return RedPacketDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def contact(self, number: int) -> str:
        return f"oCanaryOpenId{number}"

    def name_of(self, message: Message) -> str:
        return bill_number(message.idempotency_key)

    def answer(self, request: Request) -> Response:
        values = {child.tag: child.text or "" for child in ElementTree.fromstring(request.body)}
        assert values.pop("sign") == signature(values, SECRET)
        assert len(values["mch_billno"]) <= 28
        if values["mch_billno"] not in self.log:
            self.log.append(values["mch_billno"])
        return xml(return_code="SUCCESS", result_code="SUCCESS", send_listid="1")

    def error_body(self) -> bytes:
        return xml(return_code="SUCCESS", result_code="FAIL", err_code="NO_AUTH").body

    def rate_limited(self, headers: Mapping[str, str]) -> Fault:
        return Fault("body", xml(return_code="SUCCESS", result_code="FAIL", err_code="FREQ_LIMIT"))

    def quota_gone(self) -> Fault:
        return Fault("body", xml(return_code="SUCCESS", result_code="FAIL", err_code="NOTENOUGH"))

    def credentials_refused(self) -> Fault:
        return Fault("body", xml(return_code="FAIL", result_code="FAIL", err_code="SIGN_ERROR"))


def xml(**values: str) -> Response:
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in values.items())
    return Response(200, f"<xml>{inner}</xml>".encode(), {"Content-Type": "text/xml"})


class WebhookHarness(HttpHarness):
    delivery_code, channel = "webhook", "event"
    is_live = True
    peer = "receiver with the verifier of the package standardwebhooks"
    not_applicable = PLAIN | {
        "error_body": "by the scheme any good status is a yes, whatever the body",
        "html_answer": "by the scheme any good status is a yes, whatever the body",
        "cut_answer": "by the scheme any good status is a yes, whatever the body",
        "poison_record": "an event needs no copy",
    }

    def open(self) -> Any:
        environment = {
            "RECALL_WEBHOOK_URL": f"{self.url}/hook",
            "RECALL_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "RECALL_WEBHOOK_ALLOW_INNER": "yes",
        }
        return WebhookDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def answer(self, request: Request) -> Response:
        event = Webhook(WEBHOOK_SECRET).verify(request.body, dict(request.headers))
        assert event["data"]["contact"]
        if request.headers["webhook-id"] not in self.log:
            self.log.append(request.headers["webhook-id"])
        return Response(204)

    def name_of(self, message: Message) -> str:
        return message.idempotency_key

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return signed_receipts()

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return forged(signed_receipts()[0])


AUDIENCE: dict[FaultCode, str] = {
    **{fault: reason for fault, reason in PLAIN.items() if fault not in ("partial_success", "taken_back")},
    "receipts_repeated": NO_RECEIPTS,
    "receipt_forged": NO_RECEIPTS,
    "quota_gone": "the network has a rate, and no quota that is used up",
}


class MetaHarness(HttpHarness):
    delivery_code, channel = "meta", "media"
    not_applicable = AUDIENCE

    def open(self) -> Any:
        environment = {
            "RECALL_META_ACCESS_TOKEN": SECRET,
            "RECALL_META_AUDIENCE_ID": "123",
            "RECALL_META_ENDPOINT_URL": self.url,
        }
        return MetaDelivery(self.settings(environment), timeout_seconds=TIMEOUT_SECONDS)

    def poison(self) -> Message:
        return self.message(1, contact_value="+0")

    def name_of(self, message: Message) -> str:
        return meta_hash("phone", message.contact_value) or ""

    def answer(self, request: Request) -> Response:
        values = dict(parse_qsl(request.body.decode()))
        payload = json.loads(values["payload"])
        assert payload["schema"] == "PHONE_SHA256"
        bad = {meta_hash("phone", contact) for contact in self.bad_contacts}
        good = [one for one in payload["data"] if one not in bad]
        if values.get("method") == "delete":
            self.log = [one for one in self.log if one not in good]
        else:
            self.log += [one for one in good if one not in self.log]
        count = len(payload["data"])
        return ok({"audience_id": "123", "num_received": count, "num_invalid_entries": count - len(good)})

    def rate_limited(self, headers: Mapping[str, str]) -> Fault:
        body = b'{"error": {"message": "too many calls", "code": 80003}}'
        return Fault("status", Response(400, body, {"Content-Type": "application/json", **headers}))

    def credentials_refused(self) -> Fault:
        return Fault("status", Response(400, b'{"error": {"message": "expired", "code": 190}}'))

    def error_body(self) -> bytes:
        return b'{"error": {"message": "Audience Upload Blocked", "code": 100}}'


class GoogleHarness(HttpHarness):
    delivery_code, channel = "google", "media"
    not_applicable = AUDIENCE

    def open(self) -> Any:
        from google.auth.credentials import AnonymousCredentials

        environment = {
            "RECALL_GOOGLE_ADS_ACCOUNT_ID": "123-456-7890",
            "RECALL_GOOGLE_AUDIENCE_ID": "77",
            "RECALL_GOOGLE_ENDPOINT_URL": self.url,
        }
        return GoogleDelivery(
            self.settings(environment), timeout_seconds=TIMEOUT_SECONDS, credentials=AnonymousCredentials()
        )

    def poison(self) -> Message:
        return self.message(1, contact_value="+0")

    def name_of(self, message: Message) -> str:
        return google_hash("phone", message.contact_value) or ""

    def answer(self, request: Request) -> Response:
        values = json.loads(request.body)
        assert values["destinations"][0]["operatingAccount"]["accountId"] == "1234567890"
        hashes = [
            identifier["phoneNumber"]
            for member in values["audienceMembers"]
            for identifier in member["userData"]["userIdentifiers"]
        ]
        if {google_hash("phone", contact) for contact in self.bad_contacts} & set(hashes):
            return ok({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, 400)
        if path_of(request).endswith(":remove"):
            self.log = [one for one in self.log if one not in hashes]
        else:
            assert values["termsOfService"]["customerMatchTermsOfServiceStatus"] in ("ACCEPTED", 1)
            self.log += [one for one in hashes if one not in self.log]
        return ok({"requestId": f"r{len(self.server.requests)}"})

    def error_body(self) -> bytes:
        return b"{}"


class SftpHarness(ChannelHarness):
    """Files on a server that speaks SFTP."""

    is_live = True
    peer = "SFTP server of paramiko; OpenSSH's sshd where it is installed"
    prefix = "RECALL_FILE_DROP"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = {
        "rate_limited": "a file is put whole, as fast as the server takes it",
        "rate_limited_with_wait": "a file is put whole, as fast as the server takes it",
        "server_errors": "as connection_cut: whatever the server says, the file is not under its name",
        "partial_success": "a file is there as a whole or not at all",
        "poison_record": "a row needs no copy, and every text can be a cell",
        "error_body": "an answer is a number",
        "html_answer": "an answer is a number",
        "cut_answer": "half an answer is a lost connection",
        "quota_gone": "as connection_cut: a full disk breaks the writing",
        "taken_back": "a file that somebody has read cannot be taken back",
        "marketing_refused": MAY_MARKET,
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        root = folder / "partner"
        root.mkdir()
        self.sftp = SftpPeer(root)
        self.environment = self.sftp.environment(self.prefix)

    def __enter__(self) -> Self:
        self.sftp.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.sftp.__exit__()

    def open(self) -> Any:
        if self.heals_when_opened:
            self.sftp.cuts_after_rename = False
        return self.make(self.settings(self.environment))

    make: Callable[[Settings], Any] = staticmethod(open_file_drop)
    heals_when_opened = False

    def contact(self, number: int) -> str:
        return f"+86138001380{number:02d}"

    @property
    def accepted(self) -> Sequence[str]:
        found = []
        for path in sorted((self.sftp.root / "drop" / self.channel).glob("*.csv")):
            with path.open(newline="") as file:
                found += [row["contact"] for row in csv.DictReader(file)]
        return found

    def inject(self, fault: FaultCode) -> None:
        url, host_key = f"{self.prefix}_URL", f"{self.prefix}_HOST_KEY"
        match fault:
            case "timeout_after_acceptance":
                self.sftp.cuts_after_rename = True
                self.heals_when_opened = True
            case "credentials_refused":
                self.environment[url] = self.environment[url].replace("let%20me%20in", SECRET)
            case "no_connection":
                self.environment[url] = "sftp://shop:x@127.0.0.1:1/drop"
            case "connection_cut":
                self.sftp.cuts_while_writing = True
            case "wrong_host_key":
                self.environment[host_key] = f"ssh-rsa {rsa_key('a stranger').get_base64()}"
            case _:
                raise AssertionError(fault)

    outcomes: Sequence[str] = ()

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        head = "idempotency_key,outcome,occurred_at\n"
        return [
            (f"{head}{number:032x},{outcome},2026-03-11T10:00:00+08:00\n".encode(), {})
            for number, outcome in enumerate(self.outcomes, 1)
        ]

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        head = "idempotency_key,outcome,occurred_at\n"
        rows = ("1,nonsense,2026-03-11T10:00:00Z", f"1,{self.outcomes[0]},2026-03-11 10:00", f"1,{self.outcomes[0]}")
        return [(b"\xff\xfe", {}), *((f"{head}{row}\n".encode(), {}) for row in rows)]


class FileDropHarness(SftpHarness):
    delivery_code, channel = "file_drop", "gift"
    not_applicable = SftpHarness.not_applicable | {"receipts_repeated": NO_RECEIPTS, "receipt_forged": NO_RECEIPTS}


class CallListHarness(SftpHarness):
    delivery_code, channel = "call_list", "phone"
    prefix = "RECALL_CALL_LIST"
    outcomes = ("talked", "do_not_call")

    make = staticmethod(open_call_list)


class GiftListHarness(SftpHarness):
    delivery_code, channel = "gift_list", "gift"
    prefix = "RECALL_GIFT_LIST"
    outcomes = ("acknowledged", "delivered")

    make = staticmethod(open_gift_list)

    def contact(self, number: int) -> str:
        return f"Canary Street {number}, Berlin"


HARNESSES: tuple[type[ChannelHarness], ...] = (
    AliyunSmsHarness,
    SmppHarness,
    TwilioHarness,
    EmailHarness,
    SesHarness,
    WechatHarness,
    CallListHarness,
    GiftListHarness,
    FileDropHarness,
    CouponApiHarness,
    RedPacketHarness,
    WebhookHarness,
    GoogleHarness,
    MetaHarness,
    S3FileHarness,
)
"""In the order of the channels."""
