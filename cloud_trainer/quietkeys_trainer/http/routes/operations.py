"""What an operator asks: is it up, is it ready, how is it doing. Unsigned, and nothing about any device."""

from __future__ import annotations

import shutil
from typing import Final

import structlog
from fastapi import APIRouter
from obstore.exceptions import BaseError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.messages import Health
from quietkeys_trainer.http.dashboard import POLICY, View, page
from quietkeys_trainer.http.metrics import Metrics
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.ledger import operator_queries
from quietkeys_trainer.service.parts import ServiceOf

LEAST_FREE_BYTES: Final = 256 << 20  # on the disk that bodies are spooled to: a few uploads

router: Final = APIRouter()


@router.get("/healthz")
def health() -> Response:
    """Answer as long as this process answers at all: one that does not is to be started again."""
    return answer_of(Health("ok"))


@router.get("/readyz")
def readiness(service: ServiceOf) -> Response:
    """Answer 200 where the database, the store and the disk can take a report, 503 or 507 where not."""
    service.ledger.ping()
    try:
        service.blobs.require_marker()
        free = shutil.disk_usage(service.spool).free
    except (OSError, BaseError) as error:
        structlog.get_logger().error("not_ready", error=type(error).__name__)
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
    if free < LEAST_FREE_BYTES:
        raise TryAgain(ErrorCode.DISK_FULL)
    return answer_of(Health("ready"))


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Answer with figures for Prometheus."""
    return Response(_metrics_of(request).text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/openapi.json")
def openapi(request: Request) -> JSONResponse:
    """Answer with every route, what it takes and what it answers, as OpenAPI 3.1."""
    return JSONResponse(request.app.state.openapi)


@router.get("/")
def dashboard(request: Request, service: ServiceOf) -> HTMLResponse:
    """Show the state of the trainer, for people."""
    now, figures = service.clock(), _metrics_of(request)
    try:
        backlog = operator_queries.backlog(service.ledger.database, now)
        runs = operator_queries.runs_since(service.ledger.database, now - operator_queries.RUNS_KEPT_S)
    except TryAgain:
        backlog, runs = None, []
    view = View(
        now=now,
        up_s=now - figures.started_at,
        workers=figures.workers(),
        backlog=backlog,
        runs=runs,
        rejected=figures.rejected(),
        plans={name: engine.client_specification_sha256 for name, engine in service.engines.items()},
    )
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(page(view), headers=headers)


def _metrics_of(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics
