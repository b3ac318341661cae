"""What an answer over HTTP means for a message: one reading for all channels that speak it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx

from recall.channels.contract import Answer, ChannelUnavailable

TIMEOUT_SECONDS = 30.0

_CREDENTIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
_NO_SUCH_ADDRESS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE)
_NOT_TAKEN = (HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
# A request that timed out, or whose key is still being worked on, may have been taken.
_UNCLEAR = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)
# Raised before the first byte of the request could leave.
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

# Their like of `requests`, urllib3 and botocore.
_NEVER_SENT = (
    "NewConnectionError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "NameResolutionError",
    "EndpointConnectionError",
    "SSLCertVerificationError",
)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom clients trust: to read all authorities takes longer than a call."""
    return httpx.create_ssl_context()


def open_client(timeout_seconds: float) -> httpx.Client:
    """Returns a client of an interface; the caller closes it.

    Args:
        timeout_seconds: How long connecting and each answer may take.
    """
    return httpx.Client(timeout=timeout_seconds, verify=_trusted())


@dataclass(frozen=True)
class Reply:
    """A good status with its body, of which nothing is known yet. Its representation shows no body.

    Attributes:
        status: HTTP status, 200 to 299.
        body: As it came.
    """

    status: int
    body: bytes = field(repr=False)

    def json_object(self) -> dict[str, Any] | None:
        """Returns the body as a JSON object; None if it is none: an HTML page, a cut text, a bare value."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


def post(client: httpx.Client, url: str, *, content: bytes, headers: Mapping[str, str], host: str) -> Reply | Answer:
    """Posts a body, once, without following anywhere.

    Args:
        client: The connection.
        url: Where to.
        content: The body.
        headers: Its headers.
        host: What the peer is called in errors; the address itself may hold a secret.

    Returns:
        The reply with a good status, or the answer that another status or a lost connection means for all messages.

    Raises:
        ChannelUnavailable: As `judge` does, or there is no connection.
    """
    try:
        response = client.post(url, content=content, headers=dict(headers), follow_redirects=False)
    except _NOT_CONNECTED as error:
        raise no_connection(host, error) from None
    except httpx.TransportError:
        return Answer("ambiguous", "no_answer")
    answer = judge(response.status_code, response.headers.get("retry-after"), host=host)
    return answer or Reply(response.status_code, response.content)


def judge(status: int, retry_after: str | None, *, host: str) -> Answer | None:
    """Says what a status means, by RFC 9110 and, for keys, draft-ietf-httpapi-idempotency-key-header.

    Args:
        status: HTTP status.
        retry_after: The header Retry-After, if any.
        host: What the peer is called in errors.

    Returns:
        None for a good status: what was accepted is in the body. try_again where the peer says that it did nothing,
        refused for what is wrong with the request, ambiguous for a server that broke on the way.

    Raises:
        ChannelUnavailable: Credentials refused, payment required, wrong address, or a redirect, which is not followed.
    """
    reason = f"http_{status}"
    if 200 <= status < 300:
        return None
    if status in _CREDENTIALS:
        raise ChannelUnavailable("credentials_refused", f"{host} refuses the credentials with {status}")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        raise ChannelUnavailable("quota_exhausted", f"{host} wants to be paid first ({status})")
    if status in _NO_SUCH_ADDRESS:
        raise ChannelUnavailable("no_such_address", f"{host} knows nothing at this address ({status})")
    if 300 <= status < 400:
        raise ChannelUnavailable("unexpected_redirect", f"{host} redirects with {status}; use the final address")
    wait = wait_seconds(retry_after, now=datetime.now(UTC))
    if status in _NOT_TAKEN:
        return Answer("try_again", reason, wait_seconds=wait)
    if status in _UNCLEAR or status >= 500 or status < 200:
        return Answer("ambiguous", reason, wait_seconds=wait)
    return Answer("refused", reason)


def wait_seconds(retry_after: str | None, *, now: datetime) -> float:
    """Reads Retry-After (RFC 9110, section 10.2.3): seconds or a date.

    Args:
        retry_after: The header; None if there is none.
        now: The instant from which a date is counted.

    Returns:
        Seconds to wait; 0 where there is no header or it cannot be read.
    """
    text = (retry_after or "").strip()
    if text.isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def no_connection(host: str, error: BaseException) -> ChannelUnavailable:
    """Returns the error of a peer that was not reached at all.

    Args:
        host: What the peer is called.
        error: What broke; only its kind is told, since its text may hold an address with a secret.
    """
    return ChannelUnavailable("no_connection", f"{host}: {type(error).__name__}")


def was_never_sent(error: BaseException) -> bool:
    """Whether an error of `requests` or urllib3 arose before anything could leave.

    Args:
        error: As raised by a vendor's library.
    """
    names = {type(each).__name__ for each in _chain(error)}
    # Alibaba's library keeps no cause, only its text.
    told = str(getattr(error, "message", ""))
    return any(name in names or name in told for name in _NEVER_SENT)


def _chain(error: BaseException) -> list[BaseException]:
    """The error, what caused it, and the errors that the libraries pack into each other's arguments."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 20:
        each = waiting.pop()
        if each is None or each in found:
            continue
        found.append(each)
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None)]
        waiting += [part for part in each.args if isinstance(part, BaseException)]
        waiting = [part for part in waiting if part is None or isinstance(part, BaseException)]
    return found
