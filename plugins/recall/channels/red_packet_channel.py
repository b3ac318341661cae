"""WeChat red packets (sendredpack), one per call.

`mch_billno` follows from the send's key and from nothing else, so it never changes: called again after SYSTEMERROR or a
lost answer, WeChat pays once. It is counted on for 30 days, as long as the packet can be looked up.
Source: https://pay.weixin.qq.com/wiki/doc/api/tools/cash_coupon.php?chapter=13_4&index=3 (30 a second; 1 to 200 yuan).
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Mapping
from datetime import timedelta
from xml.etree import ElementTree

import httpx

from recall.channels.base import MessageDeliveryBase, required
from recall.channels.contract import Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, post
from recall.channels.quiet_logs import quiet_logs
from recall.domain.errors import UsageError

MERCHANT_VARIABLE = "RECALL_RED_PACKET_MCH_ID"
KEY_VARIABLE = "RECALL_RED_PACKET_API_KEY"
APP_VARIABLE = "RECALL_RED_PACKET_APP_ID"
AMOUNT_VARIABLE = "RECALL_RED_PACKET_FEN"
NAME_VARIABLE = "RECALL_RED_PACKET_SEND_NAME"
CERTIFICATE_VARIABLE = "RECALL_RED_PACKET_CERT_FILE"
CERTIFICATE_KEY_VARIABLE = "RECALL_RED_PACKET_CERT_KEY_FILE"
ENDPOINT_VARIABLE = "RECALL_RED_PACKET_ENDPOINT_URL"

LEAST_FEN, MOST_FEN = 100, 20_000
_PATH = "/mmpaymkttransfers/sendredpack"
_HOST = "WeChat Pay"
_DIGITS = string.digits + string.ascii_lowercase

_UNCLEAR = ("SYSTEMERROR", "PROCESSING")
_LATER = ("FREQ_LIMIT", "SENDNUM_LIMIT", "MONEY_LIMIT", "TIME_LIMITED")
_STOP = {
    "NOTENOUGH": "quota_exhausted",
    "CA_ERROR": "credentials_refused",
    "SIGN_ERROR": "credentials_refused",
    "NO_AUTH_CERT": "credentials_refused",
    "ILLEGAL_APPID": "credentials_refused",
    "XML_ERROR": "not_understood",
    "PARAM_ERROR": "not_understood",
}


def open_red_packet(settings: Settings) -> RedPacketDelivery:
    """Makes the delivery from the environment; the plugin `red_packet`.

    Args:
        settings: RECALL_RED_PACKET_MCH_ID, _API_KEY, _APP_ID, _FEN, _SEND_NAME and the merchant certificate's files.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return RedPacketDelivery(settings)


class RedPacketDelivery(MessageDeliveryBase):
    """One call per packet.

    Args:
        settings: As for `open_red_packet`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(
            settings,
            Traits(frozenset({"wechat_openid"}), remembers_keys_for=timedelta(days=30), is_live=False),
        )
        quiet_logs()
        self._merchant = required(settings, MERCHANT_VARIABLE, "the merchant's number")
        self._key = required(settings, KEY_VARIABLE, "the merchant's API key")
        self._app_id = required(settings, APP_VARIABLE, "the account's app id")
        self._name = required(settings, NAME_VARIABLE, "the shop's name")
        amount = required(settings, AMOUNT_VARIABLE, "the amount in fen")
        if not amount.isdigit() or not LEAST_FEN <= int(amount) <= MOST_FEN:
            raise UsageError(f"{AMOUNT_VARIABLE}: expected {LEAST_FEN} to {MOST_FEN} fen")
        self._fen = int(amount)
        variables = settings.environment
        self._endpoint = variables.get(ENDPOINT_VARIABLE, "").strip() or "https://api.mch.weixin.qq.com"
        certificate = variables.get(CERTIFICATE_VARIABLE, ""), variables.get(CERTIFICATE_KEY_VARIABLE, "")
        try:
            self._http = httpx.Client(
                timeout=timeout_seconds, cert=(certificate[0], certificate[1]) if all(certificate) else None
            )
        except OSError as error:
            raise UsageError(f"{CERTIFICATE_VARIABLE}: {type(error).__name__}") from None

    def __exit__(self, *_: object) -> None:
        """Lets go of the connections."""
        self._http.close()

    def deliver_one(self, message: Message) -> Answer:
        """Pays one packet out; see the contract."""
        text = message.content.text.strip() if message.content else ""
        values = {
            "nonce_str": secrets.token_hex(16),
            "mch_billno": bill_number(message.idempotency_key),
            "mch_id": self._merchant,
            "wxappid": self._app_id,
            "send_name": self._name,
            "re_openid": message.contact_value,
            "total_amount": str(self._fen),
            "total_num": "1",
            "wishing": (text or message.offer_code)[:60],
            "client_ip": "127.0.0.1",
            "act_name": message.campaign_id[:30],
            "remark": message.offer_code[:80],
        }
        reply = post(
            self._http,
            f"{self._endpoint}{_PATH}",
            content=_xml(values | {"sign": signature(values, self._key)}),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            host=_HOST,
        )
        if isinstance(reply, Answer):
            return reply
        answer = _values(reply.body)
        code = answer.get("err_code", "")
        if answer.get("return_code") == "SUCCESS" and answer.get("result_code") == "SUCCESS":
            return Answer("accepted", reference=answer.get("send_listid", ""))
        if code in _STOP:
            raise ChannelUnavailable(_STOP[code], f"{_HOST} says {code}")
        if not code or code in _UNCLEAR:
            return Answer("ambiguous", code.lower() or "unreadable_answer")
        if code in _LATER:
            return Answer("try_again", code.lower())
        return Answer("refused", code.lower())


def bill_number(idempotency_key: str) -> str:
    """Returns the merchant's number of a packet: at most 28 letters and digits, one for each key.

    Args:
        idempotency_key: 32 hexadecimal digits; written in base 36 they are at most 25.
    """
    number, text = int(idempotency_key, 16), ""
    while number:
        number, rest = divmod(number, len(_DIGITS))
        text = _DIGITS[rest] + text
    return text.rjust(25, "0")


def signature(values: Mapping[str, str], key: str) -> str:
    """Returns WeChat Pay's signature, version 2: MD5 over the sorted values and the key.

    Args:
        values: The call's values; empty ones do not count.
        key: The merchant's API key.

    Source: https://pay.weixin.qq.com/wiki/doc/api/tools/cash_coupon.php?chapter=4_3
    """
    text = "&".join(f"{name}={values[name]}" for name in sorted(values) if values[name]) + f"&key={key}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def _xml(values: Mapping[str, str]) -> bytes:
    root = ElementTree.Element("xml")
    for name, value in values.items():
        ElementTree.SubElement(root, name).text = value
    return ElementTree.tostring(root, encoding="unicode").encode()


def _values(body: bytes) -> dict[str, str]:
    """Reads an answer; empty where it is no XML: an HTML page, a cut text."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return {}
    return {child.tag: (child.text or "").strip() for child in root} if root.tag == "xml" else {}
