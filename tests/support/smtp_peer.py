"""A real SMTP server for tests: keeps its own log of what it accepted, and can misbehave on purpose."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

Reply = Callable[[str], str | None]


@dataclass
class PeerLog:
    """What the server accepted, in order: receiver, Message-ID and the message."""

    accepted: list[tuple[str, str, Message]] = field(default_factory=list)

    @property
    def receivers(self) -> list[str]:
        """Receivers of accepted messages, in order."""
        return [receiver for receiver, _, _ in self.accepted]

    @property
    def greatest_repetition(self) -> int:
        """How often the most often addressed receiver was sent to."""
        return max(Counter(self.receivers).values(), default=0)


@dataclass
class Behaviour:
    """How the server answers: each function gives a reply line for a receiver, or None for a good one."""

    at_rcpt: Reply = lambda receiver: None
    at_end: Reply = lambda receiver: None
    hang_up_after_accepting: Callable[[str], bool] = lambda receiver: False
    before_accepting: Callable[[str], None] = lambda receiver: None


class _Handler:
    def __init__(self, log: PeerLog, behaviour: Behaviour) -> None:
        self.log = log
        self.behaviour = behaviour

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: Any) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        reply = self.behaviour.at_rcpt(address)
        if reply is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (receiver,) = envelope.rcpt_tos
        self.behaviour.before_accepting(receiver)
        reply = self.behaviour.at_end(receiver)
        if reply is not None:
            return reply
        mail = message_from_bytes(envelope.content, policy=default)
        self.log.accepted.append((receiver, str(mail["Message-ID"]), mail))
        if self.behaviour.hang_up_after_accepting(receiver):
            server.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        return "250 accepted"


class SmtpPeer:
    """Runs the server in a thread on a free port."""

    def __init__(self) -> None:
        self.log = PeerLog()
        self.behaviour = Behaviour()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(
            _Handler(self.log, self.behaviour),
            hostname="127.0.0.1",
            port=self.port,
            # Nobody has to log in; who does needs the password.
            authenticator=lambda server, session, envelope, mechanism, data: AuthResult(
                success=data.password == b"let me in", handled=False
            ),
            auth_require_tls=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a channel that delivers here."""
        return {
            "RECALL_SMTP_URL": f"smtp://127.0.0.1:{self.port}?tls=none",
            "RECALL_SMTP_SENDER": "Corner Shop <news@shop.example>",
        }

    def __enter__(self) -> SmtpPeer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
