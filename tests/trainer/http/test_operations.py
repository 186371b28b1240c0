"""What an operator sees: health, readiness, metrics, the page at `/`, the OpenAPI document."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_trainer.http.brief import Brief
from quietkeys_trainer.http.metrics import JOB_BUCKETS, Metrics
from quietkeys_trainer.http.openapi import OPERATIONS
from quietkeys_trainer.ledger.database import migrate, open_database, writing
from quietkeys_trainer.ledger.jobs import Jobs
from quietkeys_trainer.ledger.operator_queries import (
    MOST_RUNS,
    RUNS_KEPT_S,
    forget_runs,
    latest_runs,
    runs_since,
)
from quietkeys_trainer.ledger.tables import Outcome, RunRow
from tests.trainer.conftest import Rig
from tests.trainer.device import code
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import fake_keys, fake_values, running, wait_until


def ask(url: str, path: str) -> requests.Response:
    """An unsigned request."""
    return requests.get(url + path, timeout=900)


def figures(url: str) -> dict[str, float]:
    """Every sample at `/metrics`, by name and labels."""
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(ask(url, "/metrics").text)
        for sample in family.samples
    }


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """A database without anything in it."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)
    yield database
    database.dispose()


def test_metrics_count_requests_rejections_bytes_and_jobs(tmp_path: Path) -> None:
    """After a job, a failed job, a job that waits and a refusal, the figures say so."""
    with running(tmp_path) as trainer:
        device, keys = trainer.device(), fake_keys(b"one")
        device.put_keys(keys)
        for payload in (b"good", b"<fail>"):
            report = device.report(PLAN.hash, keys, fake_values(payload))
            device.wait(device.post(report).json()["job_id"], "done", "failed")
        assert code(device.post(b"QKR1"))[1] == ErrorCode.CONTAINER_MALFORMED
        wait_until(lambda: figures(trainer.private_url)["quietkeys_job_seconds_count failed"] == 1)
        with trainer.held():
            others = [trainer.device() for _ in range(3)]
            for other in others:
                other.put_keys(keys)
                other.post(other.report(PLAN.hash, keys, fake_values(b"waits")))
            wait_until(lambda: figures(trainer.private_url)["quietkeys_queue_depth"] == 2)
            found = figures(trainer.private_url)
    assert found["quietkeys_jobs_running"] == found["quietkeys_workers_busy"] == 1
    assert found["quietkeys_workers"] == 1
    assert found["quietkeys_queue_oldest_seconds"] > 0
    assert found["quietkeys_job_seconds_count done"] == 1
    assert found["quietkeys_rejections_total container_malformed"] == 1
    assert found["quietkeys_received_bytes_total /v1/keys/{key_id}/parts/{offset}"] == 4 * len(keys)
    assert found["quietkeys_requests_total POST /v1/reports 202"] == 5
    assert found["quietkeys_database_up"] == 1


def test_a_run_is_counted_once_however_often_it_is_read(database: Engine) -> None:
    """Scrapes overlap, since a run may be noted after a later one; each run is observed once."""
    now = 1000.0
    metrics = Metrics(database, lambda: 0, lambda: now)
    Jobs(database).note_run("p", Outcome.DONE, 2.0, 990.0)  # before this process started
    for ended_at in (1001.0, 1100.0, 1090.0, 1101.0):
        Jobs(database).note_run("p", Outcome.DONE, 2.0, ended_at)
        metrics.text()
        metrics.text()
    forget_runs(database, 1101.0 + RUNS_KEPT_S + 1)
    metrics.text()
    assert b'quietkeys_job_seconds_count{outcome="done"} 4.0' in metrics.text()
    assert JOB_BUCKETS[-1] >= 900.0


def test_runs_are_forgotten_after_a_day(database: Engine) -> None:
    """The table does not grow with the number of jobs."""
    Jobs(database).note_run("p", Outcome.DONE, 2.0, 10.0)
    Jobs(database).note_run("p", Outcome.FAILED, 2.0, 20.0)
    forget_runs(database, 15.0 + RUNS_KEPT_S)
    assert [run.outcome for run in runs_since(database, 0.0)] == [Outcome.FAILED]


def test_alive_is_not_ready(tmp_path: Path) -> None:
    """Where the store has gone the trainer is alive, and says that it is not ready."""
    with running(tmp_path, "--workers", "0") as trainer:
        assert ask(trainer.private_url, "/readyz").json() == {"status": "ready"}
        shutil.rmtree(tmp_path / "state" / "spool")
        assert ask(trainer.url, "/healthz").status_code == 200
        wait_until(lambda: ask(trainer.private_url, "/readyz").status_code == 503)
        assert ask(trainer.private_url, "/healthz").status_code == 200


def test_the_page_shows_the_work_and_nothing_of_a_device(tmp_path: Path) -> None:
    """Queue, workers, throughput, refusals, plans, versions; no id, and nothing fetched from elsewhere."""
    with running(tmp_path) as trainer:
        device, keys = trainer.device(), fake_keys(b"one")
        device.put_keys(keys)
        job_id = device.post(device.report(PLAN.hash, keys, fake_values(b"a"))).json()["job_id"]
        device.wait(job_id, "done")
        device.post(b"<b>no container</b>")
        wait_until(lambda: "1 jobs done" in ask(trainer.private_url, "/").text)
        answer = ask(trainer.private_url, "/")
    html = answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert PLAN.hash in html and "container_malformed" in html and "concrete-python" in html
    assert not re.search(r"https?:|<script|src=|href=|url\(", html)
    for secret in (device.device_id, job_id, hashlib.sha256(keys).hexdigest()):
        assert secret not in html


def test_what_operators_see_has_an_address_of_its_own(fake_rig: Rig) -> None:
    """The address for devices shows neither page nor figures, that for operators no route of a device."""
    for path in ("/", "/metrics", "/readyz", "/openapi.json"):
        assert code(ask(fake_rig.trainer.url, path)) == (404, ErrorCode.ROUTE_UNKNOWN)
        assert ask(fake_rig.trainer.private_url, path).status_code == 200
    assert code(ask(fake_rig.trainer.private_url, "/v1/service")) == (404, ErrorCode.ROUTE_UNKNOWN)
    assert urlsplit(fake_rig.trainer.private_url).hostname == "127.0.0.1"


def test_many_runs_are_not_read_whole(database: Engine) -> None:
    """Of 200,000 runs the page reads the latest few thousand, and figures read them bit by bit, each once."""
    rows = [
        {"ended_at": 1000.0 + number / 10, "seconds": 1.0, "outcome": "done", "plan_hash": "p" * 64}
        for number in range(200_000)
    ]
    with writing(database) as session:
        session.execute(insert(RunRow), rows)
    metrics = Metrics(database, lambda: 0, lambda: 1000.0)
    latest = latest_runs(database, 0.0)
    assert len(latest) == MOST_RUNS and latest[0].ended_at > latest[-1].ended_at > 20_000.0
    for looks in range(1, 200_000 // MOST_RUNS + 3):
        text = metrics.text().decode()
        counted = float(text.partition('job_seconds_count{outcome="done"} ')[2].split()[0])
        assert counted <= looks * MOST_RUNS
    assert counted == 200_000


def test_what_costs_something_is_made_once_in_a_while() -> None:
    """However many ask, an answer is used for seconds; one that failed too, and then it is made anew."""
    made, now = list[float](), [0.0]

    def make() -> int:
        made.append(now[0])
        if len(made) == 2:
            raise TryAgain(ErrorCode.TRAINER_BUSY)
        return len(made)

    brief = Brief(make, 5.0, lambda: now[0])
    assert [brief.get() for _ in range(3)] == [1, 1, 1]
    now[0] = 5.1
    for _ in range(2):
        with pytest.raises(TryAgain):
            brief.get()
    now[0] = 10.3
    assert brief.get() == 3
    assert made == [0.0, 5.1, 10.3]


def test_every_route_is_described(fake_rig: Rig) -> None:
    """The OpenAPI document and the routes name each other, and its error codes are all there are."""
    found = ask(fake_rig.trainer.private_url, "/openapi.json").json()
    described = {(method.upper(), path) for path, item in found["paths"].items() for method in item}
    assert described == set(OPERATIONS)
    codes = found["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert codes == sorted(code.value for code in ErrorCode if code.status)
    for path, item in found["paths"].items():
        for operation in item.values():
            assert operation["summary"], path


def test_answers_are_as_the_document_says(fake_rig: Rig) -> None:
    """An answer of each kind fits its schema."""
    found = ask(fake_rig.trainer.private_url, "/openapi.json").json()
    device = fake_rig.ready_device()
    key_id = hashlib.sha256(fake_rig.keys).hexdigest()
    for path, pattern in (
        ("/v1/service", "/v1/service"),
        (f"/v1/devices/{device.device_id}", "/v1/devices/{device_id}"),
        (f"/v1/keys/{key_id}", "/v1/keys/{key_id}"),
        ("/v1/circle", "/v1/circle"),
        ("/healthz", "/healthz"),
    ):
        content = found["paths"][pattern]["get"]["responses"]["200"]["content"]
        Draft202012Validator(content["application/json"]["schema"]).validate(device.send("GET", path).json())
    for path in ("/healthz", "/readyz"):
        content = found["paths"][path]["get"]["responses"]["200"]["content"]
        answer = ask(fake_rig.trainer.private_url, path)
        Draft202012Validator(content["application/json"]["schema"]).validate(answer.json())
    error = found["components"]["schemas"]["Error"]
    Draft202012Validator(error).validate(device.send("GET", "/v1/jobs/" + "0" * 32).json())
