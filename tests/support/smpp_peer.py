"""A small SMPP 3.4 message centre for tests: it speaks the protocol's PDUs and logs what it accepted."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field

BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x09, 0x04, 0x05, 0x06, 0x15
ANSWER = 0x80000000
RECEIPT = b"id:m0 sub:001 dlvrd:001 submit date:2603111000 done date:2603111001 stat:DELIVRD err:000 text:"
WRONG_PASSWORD, THROTTLED, INVALID_DESTINATION, SYSTEM_ERROR = 0x0E, 0x58, 0x0B, 0x08


@dataclass(frozen=True)
class Submitted:
    """One text as it came: a long one is several, which share a reference in their headers."""

    destination: str
    data_coding: int
    esm_class: int
    text: bytes


@dataclass
class SmppBehaviour:
    """How the next submissions are answered; each list is used up from its front."""

    statuses: list[int] = field(default_factory=list)
    hangs_up_after_accepting: bool = False
    invalid_destinations: set[str] = field(default_factory=set)
    sends_receipt_first: bool = False


class SmppPeer:
    """Runs the message centre in threads on a free port."""

    user, password = "shop", "letmein"

    def __init__(self) -> None:
        self.accepted: list[Submitted] = []
        self.submission_count = 0
        self.behaviour = SmppBehaviour()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> SmppPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while len(header := stream.read(16)) == 16:
                length, command, _, sequence = struct.unpack(">IIII", header)
                body = stream.read(length - 16)
                if command == BIND_TRANSCEIVER:
                    user, password = body.split(b"\0")[:2]
                    is_known = (user.decode(), password.decode()) == (self.user, self.password)
                    self._reply(connection, command, sequence, 0 if is_known else WRONG_PASSWORD, b"centre\0")
                elif command == SUBMIT_SM:
                    if not self._submit(connection, sequence, body):
                        return
                elif command in (UNBIND, ENQUIRE_LINK):
                    self._reply(connection, command, sequence, 0, b"")

    def _submit(self, connection: socket.socket, sequence: int, body: bytes) -> bool:
        self.submission_count += 1
        submitted = _parse(body)
        behaviour = self.behaviour
        status = behaviour.statuses.pop(0) if behaviour.statuses else 0
        if submitted.destination in behaviour.invalid_destinations:
            status = INVALID_DESTINATION
        if not status:
            self.accepted.append(submitted)
            if behaviour.hangs_up_after_accepting:
                behaviour.hangs_up_after_accepting = False
                return False
        if behaviour.sends_receipt_first:
            connection.sendall(
                receipt_pdu(b"id:m0 sub:001 dlvrd:001 submit date:2603111000 done date:2603111001 stat:DELIVRD")
            )
        self._reply(connection, SUBMIT_SM, sequence, status, b"" if status else b"m%d\0" % len(self.accepted))
        return True

    def _reply(self, connection: socket.socket, command: int, sequence: int, status: int, body: bytes) -> None:
        connection.sendall(struct.pack(">IIII", 16 + len(body), command | ANSWER, status, sequence) + body)


def receipt_pdu(text: bytes) -> bytes:
    """A deliver_sm that carries a delivery receipt."""
    body = b"\0\1\1shop\0\1\1recall\0" + bytes([0x04, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(text)]) + text
    return struct.pack(">IIII", 16 + len(body), DELIVER_SM, 0, 77) + body


def _parse(body: bytes) -> Submitted:
    def text_until_zero(rest: bytes) -> tuple[bytes, bytes]:
        text, _, after = rest.partition(b"\0")
        return text, after

    _, rest = text_until_zero(body)
    _, rest = text_until_zero(rest[2:])
    destination, rest = text_until_zero(rest[2:])
    esm_class, rest = rest[0], rest[3:]
    _, rest = text_until_zero(rest)
    _, rest = text_until_zero(rest)
    data_coding, length = rest[2], rest[4]
    return Submitted(destination.decode(), data_coding, esm_class, rest[5 : 5 + length])
