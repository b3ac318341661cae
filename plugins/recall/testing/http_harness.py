"""A vendor's HTTP interface, played by a server that misbehaves on request; inherit it and answer a good call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from recall.testing.channel_suite import WAIT_SECONDS, ChannelHarness, FaultCode
from recall.testing.fault_server import Fault, FaultServer, Request, Response

NOWHERE = "http://127.0.0.1:1"
"""An address at which nobody listens."""

MAY_MARKET = "the channel may carry marketing; a deployment forbids it in channels.csv"
NO_HOST_KEY = "there is no host key; TLS proves the peer"
NOT_OF_ONE_MESSAGE: Mapping[FaultCode, str] = {
    "partial_success": "a call carries one message",
    "taken_back": "what was sent cannot be taken back",
    "marketing_refused": MAY_MARKET,
    "connection_cut": "no file is written",
    "wrong_host_key": NO_HOST_KEY,
}
"""What cannot happen to a way of delivery that makes one call per message."""


class HttpHarness(ChannelHarness):
    """One server per harness.

    Attributes:
        log: What was accepted; `answer` fills it.
        bad_contacts: Contacts that the vendor cannot send to.
    """

    is_live = False
    peer = "stand-in of the interface, driven through the vendor's library"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = NOT_OF_ONE_MESSAGE

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = FaultServer(self.answer, is_fallible=self.is_fallible)
        self.log: list[str] = []
        self._keys: set[str] = set()
        self.is_gone = False
        self.bad_contacts: set[str] = set()

    def __enter__(self) -> Self:
        """Starts the server."""
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the server."""
        self.server.__exit__()

    @property
    def url(self) -> str:
        """Where the delivery finds the interface."""
        return NOWHERE if self.is_gone else self.server.url

    @property
    def accepted(self) -> Sequence[str]:
        """What `answer` put into the log."""
        return list(self.log)

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Answers a call that nothing goes wrong with, and puts what is accepted into `log`.

        Args:
            request: The call.
        """

    def is_new(self, key: str) -> bool:
        """Notes a key; returns False if it was seen before.

        Args:
            key: As the call carries it.
        """
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    def is_fallible(self, request: Request) -> bool:
        """Whether faults are for this call; leave out those for a token."""
        return True

    def contact(self, number: int) -> str:
        """Returns a phone number."""
        return f"+86138001380{number:02d}"

    def error_body(self) -> bytes:
        """The vendor's own error, with status 200."""
        return b'{"error": "something"}'

    def quota_gone(self) -> Fault:
        """How the vendor says that the quota is used up."""
        return Fault("status", Response(402, b"{}"))

    def credentials_refused(self) -> Fault:
        """How the vendor refuses credentials."""
        return Fault("status", Response(401, b'{"message": "no"}'))

    def rate_limited(self, headers: Mapping[str, str]) -> Fault:
        """How the vendor puts a call off.

        Args:
            headers: Retry-After, or nothing.
        """
        return Fault("status", Response(429, b"{}", {"Content-Type": "application/json", **headers}))

    def inject(self, fault: FaultCode) -> None:
        """Lets the next call go wrong; see `ChannelHarness`."""
        match fault:
            case "rate_limited":
                self.server.fail(self.rate_limited({}))
            case "rate_limited_with_wait":
                self.server.fail(self.rate_limited({"Retry-After": str(WAIT_SECONDS)}))
            case "server_errors":
                self.server.fail(Fault("status", Response(500, b"{}")))
            case "timeout_after_acceptance":
                self.server.fail(Fault("hang_up_after"))
            case "credentials_refused":
                self.server.fail(self.credentials_refused(), times=5)
            case "error_body":
                self.server.fail(Fault("body", Response(200, self.error_body())))
            case "html_answer":
                self.server.fail(Fault("html"))
            case "cut_answer":
                self.server.fail(Fault("cut"))
            case "quota_gone":
                self.server.fail(self.quota_gone())
            case "no_connection":
                self.is_gone = True
            case "partial_success":
                self.bad_contacts.add(self.contact(1))
            case _:
                raise AssertionError(fault)
