"""The HTTP service: routes, and typed errors for everything that can go wrong.

Around every request: one log line and some figures without content, and an answer whatever happens.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of
from quietkeys_protocol.messages import Failure
from quietkeys_trainer.engine.pressure import Overloaded
from quietkeys_trainer.http.gate import Gate
from quietkeys_trainer.http.metrics import CODE, Metrics, Observed
from quietkeys_trainer.http.openapi import document
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.http.routes import admin as routes_admin
from quietkeys_trainer.http.routes import circles as routes_circles
from quietkeys_trainer.http.routes import devices as routes_devices
from quietkeys_trainer.http.routes import health as routes_health
from quietkeys_trainer.http.routes import jobs as routes_jobs
from quietkeys_trainer.http.routes import keys as routes_keys
from quietkeys_trainer.http.routes import operations as routes_operations
from quietkeys_trainer.http.routes import reports as routes_reports
from quietkeys_trainer.ledger.accounts import Throttled
from quietkeys_trainer.service.parts import Service

# After these the rest of the body is not wanted, so the connection cannot be used again.
_CLOSING: Final = frozenset(
    {ErrorCode.BODY_TOO_LARGE, ErrorCode.BODY_TOO_SLOW, ErrorCode.REQUEST_MALFORMED, ErrorCode.TRAINER_FULL}
)
_BY_STATUS: Final[Mapping[int, ErrorCode]] = {
    404: ErrorCode.ROUTE_UNKNOWN,
    405: ErrorCode.METHOD_NOT_ALLOWED,
}
_DEVICES: Final = (
    routes_devices,
    routes_keys,
    routes_reports,
    routes_jobs,
    routes_circles,
    routes_admin,
)
_ROUTES: Final = (*_DEVICES, routes_health, routes_operations)


def make_api(service: Service, metrics: Metrics | None = None) -> FastAPI:
    """Return what answers devices, and anybody whether it is alive."""
    app = _application(service, metrics, (*_DEVICES, routes_health))
    app.add_middleware(Gate, strangers=service.strangers, metrics=app.state.metrics)
    return app


def make_private_api(service: Service, metrics: Metrics | None = None) -> FastAPI:
    """Return what answers operators, who have an address of their own for it."""
    app = _application(service, metrics, (routes_health, routes_operations))
    described = [route for routes in _ROUTES for route in routes.router.routes]
    app.state.operations = routes_operations.Operations(service, app.state.metrics, document(described))
    return app


def _application(service: Service, metrics: Metrics | None, routes: Iterable[ModuleType]) -> FastAPI:
    app = FastAPI(
        title="quietkeys trainer", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.state.metrics = metrics or Metrics(service.ledger.database, lambda: 0, service.clock, service.figures)
    for one in routes:
        app.include_router(one.router)
    app.add_exception_handler(QuietkeysError, _typed)
    app.add_exception_handler(OSError, _unavailable)
    app.add_exception_handler(DBAPIError, _unavailable)
    app.add_exception_handler(HTTPException, _untyped)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(ClientDisconnect, _malformed)
    app.add_middleware(_Printable)
    app.add_middleware(Observed, metrics=app.state.metrics, last_resort=_last_resort)
    return app


class _Printable:
    """Refuses a path with characters that no route has and no database takes, before anybody looks at it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not scope["path"].isprintable():
            scope[CODE] = ErrorCode.REQUEST_MALFORMED.value
            await answer_of_error(error_of(ErrorCode.REQUEST_MALFORMED))(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def answer_of_error(error: QuietkeysError, more: Mapping[str, str] | None = None) -> Response:
    """Return the answer that says what went wrong, with these headers besides."""
    headers = {"Connection": "close"} if error.code in _CLOSING else {}
    if isinstance(error, Throttled | Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    return answer_of(Failure.of(error), error.code.status, headers | dict(more or {}))


async def _typed(request: Request, error: Exception) -> Response:
    assert isinstance(error, QuietkeysError)  # noqa: S101 - what this handler is registered for
    return _refuse(request, error)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Answer that it may be tried again where the system withholds a file, a folder or the database.

    Such as where no descriptor is left, or somebody has removed or locked what belongs to the trainer.
    """
    structlog.get_logger().error("unavailable", error=type(error).__name__)
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return _refuse(request, error_of(ErrorCode.DISK_FULL if is_full else ErrorCode.TRAINER_BUSY))


async def _untyped(request: Request, error: Exception) -> Response:
    """Answer with a typed error what the framework refuses before a route sees it."""
    code = _BY_STATUS.get(getattr(error, "status_code", 400), ErrorCode.REQUEST_MALFORMED)
    return _refuse(request, error_of(code))


async def _malformed(request: Request, _: Exception) -> Response:
    return _refuse(request, error_of(ErrorCode.REQUEST_MALFORMED))


def _refuse(request: Request, error: QuietkeysError) -> Response:
    request.scope[CODE] = error.code.value
    return answer_of_error(error)


def _last_resort(code: ErrorCode) -> ASGIApp:
    """Return what answers a request that ended before anybody answered it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CODE] = code.value
        await answer_of_error(error_of(code))(scope, receive, send)

    return answer
