"""The HTTP service: routes, and typed errors for everything that can go wrong.

Around every request: one log line and some figures without content, and an answer whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of
from quietkeys_protocol.messages import Failure
from quietkeys_trainer.engine.pressure import Overloaded
from quietkeys_trainer.http.metrics import CODE, Metrics, Observed
from quietkeys_trainer.http.openapi import document
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.http.routes import admin as routes_admin
from quietkeys_trainer.http.routes import circles as routes_circles
from quietkeys_trainer.http.routes import devices as routes_devices
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
    """Return the application over a service.

    workers: how many of them this process keeps alive, for operators.
    """
    app = FastAPI(
        title="quietkeys trainer", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.state.metrics = metrics = Metrics(service.ledger.database, workers, service.clock, service.figures)
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
    """Answer with a typed error what the framework refuses before a route sees it."""
    code = _BY_STATUS.get(getattr(error, "status_code", 400), ErrorCode.REQUEST_MALFORMED)
    return _refuse(request, error_of(code))


async def _malformed(request: Request, _: Exception) -> Response:
    return _refuse(request, error_of(ErrorCode.REQUEST_MALFORMED))


def _refuse(request: Request, error: QuietkeysError) -> Response:
    request.scope[CODE] = error.code.value
    return _answer(error)


async def _broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that failed in a way nobody foresaw."""
    scope[CODE] = ErrorCode.TRAINER_BROKEN.value
    await _answer(error_of(ErrorCode.TRAINER_BROKEN))(scope, receive, send)
