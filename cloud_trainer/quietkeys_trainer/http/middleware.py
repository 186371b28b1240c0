"""Around every request: one log line and some figures without content, and an answer whatever happens."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quietkeys_trainer.http.metrics import METHODS, UNKNOWN, Metrics

CODE: Final = "quietkeys.code"  # where handlers of errors leave the code they answer with


@dataclass(slots=True)
class _Seen:
    """What went by."""

    status: int = 0
    received: int = 0
    sent: int = 0


class Observed:
    """Counts and logs every request, and has what nobody foresaw answered by `last_resort`."""

    def __init__(self, app: ASGIApp, metrics: Metrics, last_resort: ASGIApp) -> None:
        self.app, self.metrics, self.last_resort = app, metrics, last_resort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen, start = _Seen(), time.perf_counter()
        send = _watching(seen, send)
        try:
            await self.app(scope, _counting(seen, receive), send)
        except Exception as error:  # noqa: BLE001 - the last place before the server, which would not type it
            structlog.get_logger().error("unforeseen", error=type(error).__name__)
            if not seen.status:
                await self.last_resort(scope, receive, send)
        finally:
            self._note(scope, seen, time.perf_counter() - start)

    def _note(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        """Writes down what happened: the route's pattern, never the path."""
        route = getattr(scope.get("route"), "path", UNKNOWN)
        code = scope.get(CODE, "")
        method = (
            scope["method"] if scope["method"] in METHODS else UNKNOWN
        )  # a sender may write anything there
        self.metrics.observe(method, route, seen.status, code, seconds, seen.received, seen.sent)
        structlog.get_logger().info(
            "request",
            method=method,
            route=route,
            code=code or "none",
            status=seen.status,
            ms=round(seconds * 1000, 1),
            received_bytes=seen.received,
            sent_bytes=seen.sent,
        )


def _counting(seen: _Seen, receive: Receive) -> Receive:
    async def counted() -> Message:
        message = await receive()
        seen.received += len(message.get("body", b""))
        return message

    return counted


def _watching(seen: _Seen, send: Send) -> Callable[[Message], Awaitable[None]]:
    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
            message["headers"].append((b"cache-control", b"no-store"))
        seen.sent += len(message.get("body", b""))
        await send(message)

    return watched
