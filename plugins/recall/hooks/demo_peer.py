"""A real SMTP server for the demo: it accepts mail on this machine and keeps it in a folder."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"

# aiosmtpd tells every command, and with it every address; a log holds counts and pseudonyms only.
PEER_LOGGER = "mail.log"


@dataclass(frozen=True)
class MailPeer:
    """Where the server listens and what it keeps.

    Attributes:
        host: Address to connect to.
        port: Port to connect to.
        folder: One `.eml` file per accepted message.
        log: One JSON line per accepted message, which is what "sent once" is counted by.
    """

    host: str
    port: int
    folder: Path
    log: Path


class _Keeper:
    """Keeps every message, and says so to the sender only after it is written."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._count = sum(1 for _ in folder.glob("*.eml"))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Writes one message and its line in the log."""
        self._count += 1
        name = f"{self._count:06d}.eml"
        content = envelope.content or b""
        (self._folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        line = {"accepted_at": datetime.now(UTC).isoformat(), "file": name, "recipients": envelope.rcpt_tos}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return f"250 kept as {name}"


@contextmanager
def mail_peer(folder: Path) -> Iterator[MailPeer]:
    """Runs an SMTP server on a free port of this machine while the block runs.

    Args:
        folder: Keeps `mail/*.eml` and `accepted.jsonl`, also those of earlier runs.

    Yields:
        The running server.
    """
    mail = folder / "mail"
    mail.mkdir(parents=True, exist_ok=True)
    log = folder / "accepted.jsonl"
    logging.getLogger(PEER_LOGGER).setLevel(logging.CRITICAL)
    controller = Controller(_Keeper(mail, log), hostname=HOST, port=_free_port())
    controller.start()
    try:
        yield MailPeer(host=HOST, port=int(controller.port), folder=mail, log=log)
    finally:
        controller.stop()


def _free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
