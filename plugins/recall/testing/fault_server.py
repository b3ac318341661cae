"""An HTTP server that takes the place of a peer and misbehaves on purpose; it keeps its own log of what it accepted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

FaultKind = Literal["status", "hang_up_after", "html", "cut", "body"]


@dataclass(frozen=True)
class Request:
    """One call as it came in.

    Attributes:
        method: HTTP method.
        path: Path and query.
        headers: Names in lower case.
        body: The body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Response:
    """One answer.

    Attributes:
        status: HTTP status.
        body: The body.
        headers: Its headers.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call.

    Attributes:
        kind: status: that answer instead of the peer's, which sees nothing. hang_up_after: the peer takes the call, and
            its answer is lost. html, cut: the peer takes the call, and a page, or half its answer, comes back. body:
            a good status with `response`'s body, and the peer sees nothing.
        response: The answer of status and body.
    """

    kind: FaultKind
    response: Response = Response(500)


class FaultServer:
    """Serves in threads on a free port.

    Args:
        peer: Answers a call as the vendor would; it keeps the log of what it accepted.
        is_fallible: Which calls faults are for; others, such as those for a token, are let alone.
    """

    def __init__(
        self, peer: Callable[[Request], Response], *, is_fallible: Callable[[Request], bool] = lambda request: True
    ) -> None:
        self._peer = peer
        self._is_fallible = is_fallible
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._serve(self)

            do_POST = do_GET
            do_PUT = do_GET
            do_HEAD = do_GET
            do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: what comes in holds contacts."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Address of the server, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, fault: Fault, *, times: int = 1) -> None:
        """Lets the next calls go wrong.

        Args:
            fault: How.
            times: How many calls.
        """
        with self._lock:
            self._faults += [fault] * times

    def __enter__(self) -> Self:
        """Begins to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops and waits for the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = _body_of(handler)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, body)
        with self._lock:
            self.requests.append(request)
            fault = self._faults.pop(0) if self._faults and self._is_fallible(request) else None
            if fault is None:
                _answer(handler, self._peer(request))
                return
            if fault.kind in ("status", "body"):
                _answer(handler, fault.response)
                return
            real = self._peer(request)
        if fault.kind == "html":
            _answer(handler, Response(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"}))
        elif fault.kind == "cut":
            _answer(handler, Response(real.status, real.body[: len(real.body) // 2], real.headers))
        else:
            handler.close_connection = True
            handler.connection.close()


def _body_of(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b""
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        handler.rfile.readline()
        return body
    return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))


def _answer(handler: BaseHTTPRequestHandler, response: Response) -> None:
    handler.send_response(response.status)
    for name, value in response.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(response.body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(response.body)


def path_of(request: Request) -> str:
    """Returns the path without its query.

    Args:
        request: The call.
    """
    return urlsplit(request.path).path
