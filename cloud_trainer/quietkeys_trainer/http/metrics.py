"""What Prometheus reads at `/metrics`: requests as this process saw them, work as the database has it.

Labels are routes, methods, statuses and codes of ours: no id, nothing that a request could make up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from quietkeys_protocol.errors import TryAgain
from quietkeys_trainer.ledger.recent_runs import Runs

REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
JOB_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 900.0)
OVERLAP_S: Final = 60.0  # runs are noted by many machines, whose clocks and transactions differ
UNKNOWN: Final = "none"  # the route of a request that no route takes
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Metrics:
    """The figures of one API process."""

    def __init__(self, runs: Runs, workers: Callable[[], int], clock: Callable[[], float]) -> None:
        """workers: how many this process keeps alive."""
        self._runs, self.workers, self._clock = runs, workers, clock
        self._seen: dict[int, float] = {}
        self.started_at = clock()
        self._lock = threading.Lock()
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
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
        info = Gauge("quietkeys_info", "What runs here", ["version"], registry=registry)
        info.labels(version("quietkeys")).set(1)

    def observe(
        self, method: str, route: str, status: int, code: str, seconds: float, received: int, sent: int
    ) -> None:
        """Counts a request that was answered; `code` is empty where it was not refused."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(method, route).observe(seconds)
        self.received.labels(route).inc(received)
        self.sent.labels(route).inc(sent)
        if code:
            self.rejections.labels(code).inc()

    def rejected(self) -> dict[str, int]:
        """How many requests were refused since this process started, by reason, the most frequent first."""
        found = {
            sample.labels["reason"]: int(sample.value)
            for metric in self.rejections.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def text(self) -> bytes:
        """Everything, in Prometheus's text format; what the database does not say now is left as it was."""
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
        backlog = self._runs.backlog(now)
        self._queue.set(backlog.queued)
        self._running.set(backlog.running)
        self._oldest.set(backlog.oldest_s)
        self._busy.set(backlog.busy_workers)
        self._seen = dict(self._new_runs(now))

    def _new_runs(self, now: float) -> Iterable[tuple[int, float]]:
        """Observes the runs noted since the last look; gives those that the next look may meet again."""
        looked_until = max([self.started_at, *self._seen.values()])
        for run in self._runs.since(max(self.started_at, looked_until - OVERLAP_S)):
            if run.number not in self._seen:
                self.job_seconds.labels(run.outcome).observe(run.seconds)
            yield run.number, run.ended_at
