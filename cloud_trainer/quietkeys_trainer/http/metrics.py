"""Around every request: a log line and figures without content, and an answer whatever happens.

Prometheus reads the figures at `/metrics`: requests as this process saw them, work as the database has it.

Labels are routes, methods, statuses and codes of ours: no id, nothing that a request could make up.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from sqlalchemy import Engine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_trainer.ledger.operator_queries import MOST_RUNS, backlog, runs_since
from quietkeys_trainer.service.figures import StoreFigures

REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
JOB_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 900.0)
OVERLAP_S: Final = 60.0  # runs are noted by many machines, whose clocks and transactions differ
CODE: Final = "quietkeys.code"  # where handlers of errors leave the code they answer with
UNKNOWN: Final = "none"  # the route of a request that no route takes
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Metrics:
    """The figures of one API process."""

    def __init__(
        self,
        database: Engine,
        workers: Callable[[], int],
        clock: Callable[[], float],
        store: StoreFigures | None = None,
    ) -> None:
        """workers: how many this process keeps alive. store: what this process counts of the store."""
        self._database, self.workers, self._clock = database, workers, clock
        self._seen: dict[int, float] = {}
        self._is_behind = False
        self.started_at = clock()
        self._lock = threading.Lock()
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        if store is not None:
            registry.register(store.deleted)
            registry.register(store.waiting)
        self.requests = Counter(
            "quietkeys_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "quietkeys_request_seconds",
            "From the first byte of a request's head to the last of its answer",
            ["method", "route"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.received = Counter(
            "quietkeys_received_bytes", "Bytes of bodies read", ["route"], registry=registry
        )
        self.sent = Counter("quietkeys_sent_bytes", "Bytes of bodies sent", ["route"], registry=registry)
        self.rejections = Counter(
            "quietkeys_rejections", "Requests that were refused, by error code", ["reason"], registry=registry
        )
        self.job_seconds = Histogram(
            "quietkeys_job_seconds",
            "Runs of jobs by all workers since this process started",
            ["outcome"],
            buckets=JOB_BUCKETS,
            registry=registry,
        )
        self._queue = Gauge("quietkeys_queue_depth", "Jobs that wait", registry=registry)
        self._running = Gauge("quietkeys_jobs_running", "Jobs being run", registry=registry)
        self._oldest = Gauge(
            "quietkeys_queue_oldest_seconds", "How long the oldest job has waited", registry=registry
        )
        self._living = Gauge("quietkeys_workers", "Workers that this process keeps alive", registry=registry)
        self._busy = Gauge("quietkeys_workers_busy", "Workers anywhere that run a job", registry=registry)
        self._up = Gauge(
            "quietkeys_database_up", "Whether the database answered this scrape", registry=registry
        )
        self.ended = Counter(
            "quietkeys_connections_ended", "Connections that kept others out", ["reason"], registry=registry
        )
        info = Gauge("quietkeys_info", "What runs here", ["version"], registry=registry)
        info.labels(version("quietkeys")).set(1)

    def observe(
        self, method: str, route: str, status: int, code: str, seconds: float, received: int, sent: int
    ) -> None:
        """Count a request that was answered; `code` is empty where it was not refused."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(method, route).observe(seconds)
        self.received.labels(route).inc(received)
        self.sent.labels(route).inc(sent)
        if code:
            self.rejections.labels(code).inc()

    def rejected(self) -> dict[str, int]:
        """Return how many requests were refused since this process started, the commonest reason first."""
        found = {
            sample.labels["reason"]: int(sample.value)
            for metric in self.rejections.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format; those the database withholds stay as they were."""
        with self._lock:
            self._living.set(self.workers())
            try:
                self._read_database()
            except TryAgain:
                self._up.set(0)
            else:
                self._up.set(1)
            return generate_latest(self.registry)

    def _read_database(self) -> None:
        now = self._clock()
        waiting = backlog(self._database, now)
        self._queue.set(waiting.queued)
        self._running.set(waiting.running)
        self._oldest.set(waiting.oldest_s)
        self._busy.set(waiting.busy_workers)
        self._read_runs()

    def _read_runs(self) -> None:
        """Observe runs noted since the last look, so many at most; remember what the next may meet again.

        Where there are more, the next look begins where this one ended.
        """
        since = max([self.started_at, *self._seen.values()])
        if not self._is_behind:
            since = max(self.started_at, since - OVERLAP_S)
        found = runs_since(self._database, since)
        for run in found:
            if run.number not in self._seen:
                self.job_seconds.labels(run.outcome).observe(run.seconds)
        self._is_behind = len(found) == MOST_RUNS
        known = self._seen | {run.number: run.ended_at for run in found}
        latest = max(known.values(), default=since)
        self._seen = {number: at for number, at in known.items() if at >= latest - OVERLAP_S}


@dataclass(slots=True)
class _Seen:
    """What went by."""

    status: int = 0
    received: int = 0
    sent: int = 0


class Observed:
    """Counts and logs every request, and has answered what nobody else answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics, last_resort: Callable[[ErrorCode], ASGIApp]) -> None:
        """last_resort: returns what answers with an error."""
        self.app, self.metrics, self.last_resort = app, metrics, last_resort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and observe it."""
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
                await self.last_resort(ErrorCode.TRAINER_BROKEN)(scope, receive, send)
        except asyncio.CancelledError:  # the server stops, and this has taken longer than it waits
            if not seen.status:
                await self.last_resort(ErrorCode.TRAINER_BUSY)(scope, receive, send)
            raise
        finally:
            self._note(scope, seen, time.perf_counter() - start)

    def _note(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        """Write down what happened: the route's pattern, never the path."""
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
