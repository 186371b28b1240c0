"""The HTTP service: routes, typed errors for everything that can go wrong, one log line a request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of
from quietkeys_trainer import routes_circles, routes_devices, routes_jobs, routes_keys, routes_reports
from quietkeys_trainer.pressure import Overloaded
from quietkeys_trainer.service import Service

# After these the rest of the body is not wanted, so the connection cannot be used again.
_CLOSING: Final = frozenset(
    {ErrorCode.BODY_TOO_LARGE, ErrorCode.BODY_TOO_SLOW, ErrorCode.REQUEST_MALFORMED, ErrorCode.TRAINER_FULL}
)
_BY_STATUS: Final[Mapping[int, ErrorCode]] = {
    404: ErrorCode.ROUTE_UNKNOWN,
    405: ErrorCode.METHOD_NOT_ALLOWED,
}


def make_api(service: Service) -> FastAPI:
    """The application over a service."""
    app = FastAPI(
        title="quietkeys trainer", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    for routes in (routes_devices, routes_keys, routes_reports, routes_jobs, routes_circles):
        app.include_router(routes.router)
    app.add_exception_handler(QuietkeysError, _typed)
    app.add_exception_handler(HTTPException, _untyped)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(ClientDisconnect, _malformed)
    app.add_middleware(_Logged)
    return app


def _answer(error: QuietkeysError) -> JSONResponse:
    body = {"code": error.code.value, "message": error.message, "advice": error.advice}
    headers = {"Connection": "close"} if error.code in _CLOSING else {}
    if isinstance(error, Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse({"error": body}, status_code=error.code.status, headers=headers)


async def _typed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QuietkeysError)  # noqa: S101 - what this handler is registered for
    request.scope["quietkeys.code"] = error.code.value
    return _answer(error)


async def _untyped(_: Request, error: Exception) -> JSONResponse:
    """What the framework refuses before a route sees it."""
    code = _BY_STATUS.get(getattr(error, "status_code", 400), ErrorCode.REQUEST_MALFORMED)
    return _answer(error_of(code))


async def _malformed(_: Request, __: Exception) -> JSONResponse:
    return _answer(error_of(ErrorCode.REQUEST_MALFORMED))


class _Logged:
    """Logs every request without its content, and answers what nobody foresaw with a typed error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        start = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - the last place before the server, which would not type it
            structlog.get_logger().error("unforeseen", error=type(error).__name__)
            if not status:
                await _answer(error_of(ErrorCode.TRAINER_BROKEN))(scope, receive, watch)
        finally:
            structlog.get_logger().info("request", **_without_content(scope), status=status, ms=_ms(start))


def _without_content(scope: Scope) -> dict[str, Any]:
    route = scope.get("route")
    return {
        "method": scope["method"],
        "route": getattr(route, "path", "none"),
        "code": scope.get("quietkeys.code", "none"),
    }


def _ms(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)
