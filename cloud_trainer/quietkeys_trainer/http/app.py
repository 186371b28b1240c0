"""The HTTP service: routes, and typed errors for everything that can go wrong.

Around every request: one log line and some figures without content, and an answer whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of
from quietkeys_protocol.messages import Failure
from quietkeys_trainer.engine.pressure import Overloaded
from quietkeys_trainer.http.metrics import METHODS, UNKNOWN, Metrics
from quietkeys_trainer.http.openapi import document
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.http.routes import admin as routes_admin
from quietkeys_trainer.http.routes import circles as routes_circles
from quietkeys_trainer.http.routes import devices as routes_devices
from quietkeys_trainer.http.routes import jobs as routes_jobs
from quietkeys_trainer.http.routes import keys as routes_keys
from quietkeys_trainer.http.routes import operations as routes_operations
from quietkeys_trainer.http.routes import reports as routes_reports
from quietkeys_trainer.ledger.allowances import Throttled
from quietkeys_trainer.service.parts import Service

CODE: Final = "quietkeys.code"  # where handlers of errors leave the code they answer with

# After these the rest of the body is not wanted, so the connection cannot be used again.
_CLOSING: Final = frozenset(
    {ErrorCode.BODY_TOO_LARGE, ErrorCode.BODY_TOO_SLOW, ErrorCode.REQUEST_MALFORMED, ErrorCode.TRAINER_FULL}
)
_BY_STATUS: Final[Mapping[int, ErrorCode]] = {
    404: ErrorCode.ROUTE_UNKNOWN,
    405: ErrorCode.METHOD_NOT_ALLOWED,
}
_ROUTES: Final = (
    routes_devices,
    routes_keys,
    routes_reports,
    routes_jobs,
    routes_circles,
    routes_admin,
    routes_operations,
)


def make_api(service: Service, workers: Callable[[], int] = lambda: 0) -> FastAPI:
    """The application over a service; `workers`: how many of them this process keeps alive, for operators."""
    app = FastAPI(
        title="quietkeys trainer", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.state.metrics = metrics = Metrics(service.runs, workers, service.clock)
    app.state.openapi = document(route for routes in _ROUTES for route in routes.router.routes)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.add_exception_handler(QuietkeysError, _typed)
    app.add_exception_handler(HTTPException, _untyped)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(ClientDisconnect, _malformed)
    app.add_middleware(Observed, metrics=metrics, last_resort=_broken)
    return app


def _answer(error: QuietkeysError) -> Response:
    headers = {"Connection": "close"} if error.code in _CLOSING else {}
    if isinstance(error, Throttled | Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    return answer_of(Failure.of(error), error.code.status, headers)


async def _typed(request: Request, error: Exception) -> Response:
    assert isinstance(error, QuietkeysError)  # noqa: S101 - what this handler is registered for
    return _refuse(request, error)


async def _untyped(request: Request, error: Exception) -> Response:
    """What the framework refuses before a route sees it."""
    code = _BY_STATUS.get(getattr(error, "status_code", 400), ErrorCode.REQUEST_MALFORMED)
    return _refuse(request, error_of(code))


async def _malformed(request: Request, _: Exception) -> Response:
    return _refuse(request, error_of(ErrorCode.REQUEST_MALFORMED))


def _refuse(request: Request, error: QuietkeysError) -> Response:
    request.scope[CODE] = error.code.value
    return _answer(error)


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what nobody foresaw."""
    scope[CODE] = ErrorCode.TRAINER_BROKEN.value
    await _answer(error_of(ErrorCode.TRAINER_BROKEN))(scope, receive, send)


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
