"""What operators ask: is it ready, how is it doing. On an address of its own; nothing about any device."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends
from obstore.exceptions import BaseError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.messages import Health
from quietkeys_trainer.http.brief import Brief
from quietkeys_trainer.http.dashboard import POLICY, View, page
from quietkeys_trainer.http.metrics import Metrics
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.ledger import operator_queries
from quietkeys_trainer.service.parts import Service

LEAST_FREE_BYTES: Final = 256 << 20  # on the disk that bodies are spooled to: a few uploads

READY_S: Final = 1.0  # how old an answer may be
METRICS_S: Final = 1.0
PAGE_S: Final = 5.0

router: Final = APIRouter()


def _operations_of(request: Request) -> Operations:
    operations: Operations = request.app.state.operations
    return operations


OperationsOf = Annotated["Operations", Depends(_operations_of)]


class Operations:
    """What operators are shown. It costs something to make, so it is made once in a while and handed out."""

    def __init__(self, service: Service, metrics: Metrics, openapi: Mapping[str, Any]) -> None:
        """openapi: the document of all routes, of both addresses."""
        self.openapi: Final = openapi
        self.readiness: Final = Brief(lambda: _require_ready(service), READY_S)
        self.metrics: Final = Brief(metrics.text, METRICS_S)
        self.page: Final = Brief(lambda: page(_view(service, metrics)), PAGE_S)


@router.get("/readyz")
def readiness(operations: OperationsOf) -> Response:
    """Answer 200 where the database, the store and the disk can take a report, 503 or 507 where not."""
    operations.readiness.get()
    return answer_of(Health("ready"))


@router.get("/metrics")
def metrics(operations: OperationsOf) -> Response:
    """Answer with figures for Prometheus."""
    return Response(operations.metrics.get(), media_type=CONTENT_TYPE_LATEST)


@router.get("/openapi.json")
def openapi(operations: OperationsOf) -> JSONResponse:
    """Answer with every route, what it takes and what it answers, as OpenAPI 3.1."""
    return JSONResponse(operations.openapi)


@router.get("/")
def dashboard(operations: OperationsOf) -> HTMLResponse:
    """Show the state of the trainer, for people."""
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(operations.page.get(), headers=headers)


def _require_ready(service: Service) -> None:
    service.ledger.ping()
    try:
        service.blobs.require_marker()
        free = min(shutil.disk_usage(place).free for place in (service.spool, service.uploads.folder))
    except (OSError, BaseError) as error:
        structlog.get_logger().error("not_ready", error=type(error).__name__)
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
    if free < LEAST_FREE_BYTES:
        raise TryAgain(ErrorCode.DISK_FULL)


def _view(service: Service, metrics: Metrics) -> View:
    now = service.clock()
    try:
        backlog = operator_queries.backlog(service.ledger.database, now)
        runs = operator_queries.latest_runs(service.ledger.database, now - operator_queries.RUNS_KEPT_S)
    except TryAgain:
        backlog, runs = None, []
    return View(
        now=now,
        up_s=now - metrics.started_at,
        workers=metrics.workers(),
        backlog=backlog,
        runs=runs,
        is_cut=len(runs) == operator_queries.MOST_RUNS,
        rejected=metrics.rejected(),
        plans={name: engine.client_specification_sha256 for name, engine in service.engines.items()},
    )
