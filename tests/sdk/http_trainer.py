"""HTTP servers on loopback: a trainer in memory behind one, and others that misbehave."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from quietkeys.remote.http import Body, Request, Transport

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    """A server that is not surprised when a device hangs up on it."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address of a server that handles every request so, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        """Hands every request to the behaviour."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            behaviour(self)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Says nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def body_of(handler: BaseHTTPRequestHandler) -> bytes:
    """The body of a request."""
    return handler.rfile.read(int(handler.headers.get("Content-Length", "0")))


def reply(
    handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str] | None = None
) -> None:
    """Answers with a status, headers and content."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def over_http(trainer: Transport) -> Behaviour:
    """A server in front of a trainer in memory."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        content = body_of(handler)
        body = Body(lambda: io.BytesIO(content), len(content), "")
        request = Request(handler.command, handler.path, dict(handler.headers.items()), body, 1 << 30)
        answer = trainer.send(request)
        reply(handler, answer.status, answer.content)

    return handle
