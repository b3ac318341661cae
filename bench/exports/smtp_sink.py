"""An SMTP server that takes everything and only counts; it costs little, so that the sender is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from typing import Self

_BYE = b"221 bye\r\n"


class _Conversation(asyncio.Protocol):
    """One connection, line by line (RFC 5321)."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts
        self.buffer = b""
        self.is_text = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = list(iter(self._next_reply, None))
        # All that is known by now leaves at once, as of servers that take commands in groups.
        self.transport.write(b"".join(reply for reply in replies))
        if replies and replies[-1] == _BYE:
            self.transport.close()

    def _next_reply(self) -> bytes | None:
        """Answers the next line or text; None if there is no whole one yet."""
        line, found, rest = self.buffer.partition(b"\r\n.\r\n" if self.is_text else b"\r\n")
        if not found:
            return None
        self.buffer = rest
        if self.is_text:
            self.is_text = False
            self.counts[0] += 1
            return b"250 taken\r\n"
        verb = line[:4].upper()
        self.is_text = verb == b"DATA"
        return {b"DATA": b"354 go on\r\n", b"QUIT": _BYE, b"EHLO": b"250-sink\r\n250 PIPELINING\r\n"}.get(
            verb, b"250 ok\r\n"
        )


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        counts = [0]
        server = await asyncio.get_running_loop().create_server(lambda: _Conversation(counts), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        while True:
            # Whoever asks gets the count; nobody asks any more when the pipe is closed.
            try:
                await loop.run_in_executor(None, pipe.recv)
            except EOFError:
                return
            pipe.send(counts[0])

    asyncio.run(run())


class SmtpSink:
    """Runs the server in a process of its own.

    Attributes:
        port: Where it listens.
    """

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(end,), daemon=True)
        self._process.start()
        end.close()
        self.port: int = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    @property
    def count(self) -> int:
        """Messages that it has taken."""
        self._pipe.send(None)
        taken: int = self._pipe.recv()
        return taken
