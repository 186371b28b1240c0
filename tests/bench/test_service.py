"""`quietkeys bench service`: what devices do, how figures come from what they say, and a small run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys.remote.http import Answer, Request
from quietkeys.testing import InMemoryTrainer
from quietkeys.testing.fakes import encode_clear, noop_plan_hash
from quietkeys_bench.common.figures import read_figures, validator, write_figures
from quietkeys_bench.service import bench as service
from quietkeys_bench.service import child as service_child
from quietkeys_bench.service import hostile
from quietkeys_bench.service.account import account_of
from quietkeys_bench.service.bench import Said, Settings, Watched, figures_of
from quietkeys_bench.service.child import UPLOAD, Clocked, session
from quietkeys_bench.service.command import show, show_hostile
from quietkeys_protocol.containers import Report, encode_report
from tests.bench import promises
from tests.fhe_fixtures import SMALL_PLAN
from tests.trainer.fake_engine import PLAN
from tests.trainer.sides import in_memory, zeros

POLL = "GET /v1/jobs"


def outcome(*job_ids: str, update: str = "00", accepted: bool = True) -> dict[str, Any]:
    """What a device says at its end."""
    error = "" if accepted else "trainer_busy"
    return {"accepted": accepted, "job_ids": list(job_ids), "update": update, "which": "0/0", "error": error}


def said(*outcomes: dict[str, Any]) -> Said:
    """Outcomes, and requests of 1 ms before and after, of 10 to 200 ms during saturation."""
    requests = [(POLL, 100.0 + i, 10.0 * (i + 1), 200) for i in range(20)]
    requests += [(UPLOAD, 105.0, 9000.0, 200), (POLL, 50.0, 1.0, 200), (POLL, 500.0, 1.0, 200)]
    return Said(list(outcomes), requests)


# Of 20 seconds with jobs that wait, with 30 done in them.
WATCHED = Watched([(90.0, 0.0, 0.0), (100.0, 5.0, 2.0), (120.0, 1.0, 32.0), (130.0, 0.0, 40.0)])


def test_latencies_count_while_jobs_wait_and_without_key_uploads() -> None:
    """Percentiles of what began between the first and the last job that waited."""
    found = figures_of(said(outcome("a"), outcome("b")), WATCHED, done=2.0)
    assert found["api_requests"] == 20
    assert found["api_p50_ms"] == 105.0
    assert found["api_p95_ms"] == 190.5
    assert found["jobs_per_minute"] == 76.0
    assert found["routes"][UPLOAD] == {"requests": 1, "p50_ms": 9000.0, "p95_ms": 9000.0}
    assert (found["accepted"], found["lost"], found["duplicated"]) == (2, 0, 0)


@pytest.mark.parametrize(
    ("outcomes", "done", "lost", "duplicated"),
    [
        ([outcome("a"), outcome("b", update="")], 1, 1, 0),  # an accepted report without an update
        ([outcome("a"), outcome(accepted=False, update="")], 1, 0, 0),  # refused is not lost
        ([outcome("a", "a"), outcome("b")], 2, 0, 0),  # sent twice, one job
        ([outcome("a", "c"), outcome("b")], 2, 0, 1),  # sent twice, two jobs
        ([outcome("a"), outcome("a")], 2, 0, 1),  # two devices, one job
        ([outcome("a"), outcome("b")], 3, 0, 1),  # a second result
    ],
)
def test_what_is_lost_and_what_comes_twice(
    outcomes: list[dict[str, Any]], done: float, lost: int, duplicated: int
) -> None:
    """Counted over accepted reports."""
    found = figures_of(said(*outcomes), WATCHED, done)
    assert (found["lost"], found["duplicated"]) == (lost, duplicated)


def test_an_update_of_each_report_is_kept() -> None:
    """The last one, to be decrypted; of the others it is known that they came."""
    heard = Said()
    for update in ("01", "02", ""):
        heard.add(outcome("a", update=update))
    assert heard.updates == {"0/0": b"\x02"}
    assert [one["update"] for one in heard.outcomes] == [True, True, False]


def test_nothing_is_said_of_workers_that_were_idle() -> None:
    """Without a job that waits there is no saturation to measure in."""
    with pytest.raises(DemoFailed, match="No job ever waited"):
        figures_of(said(outcome("a")), Watched([(1.0, 0.0, 0.0)] * 3), 1.0)


def test_options_go_to_the_trainer_where_they_are_given() -> None:
    """And the figures name kinds of storage, no address."""
    assert Settings(workers=3).options[-2:] == ["--workers", "3"]
    assert "--requests-per-minute=0" in Settings().options  # its devices stand for many
    given = Settings(executor=service.Executor.RAY, database="postgresql://u:p@h/d", blobs="s3://b")
    assert given.options[:4] == ["--database", "postgresql://u:p@h/d", "--blobs", "s3://b"]
    assert given.storage == "postgresql, s3"


@pytest.fixture
def sent(tmp_path: Path) -> dict[str, Any]:
    """A key set and a report that the trainer in memory takes."""
    side = in_memory()
    keys = tmp_path / "keys"
    keys.write_bytes(side.keys(b"one"))
    key_id = hashlib.sha256(keys.read_bytes()).hexdigest()
    values = tuple(encode_clear(zeros(field.size)) for field in PLAN.report_fields)
    head = (bytes.fromhex(noop_plan_hash(PLAN)), bytes.fromhex(key_id), 0, 1, 1)
    (tmp_path / "report").write_bytes(encode_report(Report(*head, values)))
    return {"keys": str(keys), "key_id": key_id, "reports": [str(tmp_path / "report")]}


def test_a_device_goes_from_enrolment_to_update(
    sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends its report twice under one key, gets one job, and notes every request by its route."""
    monkeypatch.setattr(service_child, "POLL_S", 0.01)
    clocked = Clocked(InMemoryTrainer(PLAN, polls=2))
    found = session(sent, 0, 0, clocked)
    assert found.error == ""
    assert found.accepted and len(found.job_ids) == 2 and len(set(found.job_ids)) == 1
    assert found.update
    routes = [row[0] for row in clocked.rows]
    assert routes[:2] == ["POST /v1/devices", "GET /v1/keys"]
    assert UPLOAD in routes and routes.count("POST /v1/reports") == 2
    assert routes[-1] == "GET /v1/jobs/update"
    assert {row[3] for row in clocked.rows} <= {200, 201, 202}


class Swapping:
    """Hands one device's update to another."""

    def __init__(self, inner: InMemoryTrainer, update: bytes) -> None:
        self.inner, self.update = inner, update

    def send(self, request: Request) -> Answer:
        """The other's update in the place of one's own."""
        answer = self.inner.send(request)
        return Answer(200, answer.headers, self.update) if request.path.endswith("/update") else answer


def test_another_jobs_update_is_no_update(sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not of this very job counts as lost."""
    monkeypatch.setattr(service_child, "POLL_S", 0.01)
    trainer = InMemoryTrainer(PLAN)
    other = session(sent, 0, 0, Clocked(trainer)).update
    found = session(sent, 0, 1, Clocked(Swapping(trainer, other)))
    assert other and found.accepted and not found.update


def tree(**changes: object) -> dict[str, Any]:
    """A whole JSON of made-up measurements."""
    return {
        "bench": "service",
        "mode": "execute",
        "plan": "load",
        "p_error": 2.0**-40,
        "look_ups": 48,
        "keys_bytes": 50_000_000,
        "devices": 2,
        "at_once": 2,
        "key_sets": 1,
        "workers": 2,
        "executor": "local",
        "storage": "sqlite, folder",
        **figures_of(said(outcome("a"), outcome("b")), WATCHED, 2.0),
        "job_peak_rss_bytes": 400_000_000,
        "relative_error": 0.1,
        "load_before": 0.5,
        "machine": this_machine().tree(),
        **changes,
    }


def test_figures_have_their_form_and_are_shown(tmp_path: Path) -> None:
    """The JSON passes its schema; the table shows the figures that matter."""
    write_figures(tmp_path / "service.json", "service", tree())
    console = Console(record=True, width=200)
    show(console, read_figures(tmp_path / "service.json", "service"))
    shown = console.export_text()
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "all but the upload of keys, p95 190 ms" in lines
    assert "updates lost 0" in lines and "jobs duplicated 0" in lines


def test_promises_of_the_service() -> None:
    """Nothing lost, nothing twice, every device served, 150 ms where the machine was idle otherwise."""
    assert promises.unreliable(tree()) == []
    assert promises.unreliable(tree(lost=1, duplicated=2, refused=3)) == [
        "1 lost",
        "2 duplicated",
        "3 refused",
    ]
    assert promises.slow_service(tree()) == ["p95 190 ms"]
    assert promises.slow_service(tree(api_p95_ms=150.0)) == []


@pytest.mark.fhe
def test_strangers_are_measured(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Devices go on among strangers, nothing is refused, and the figures have their form and are shown."""
    out = tmp_path / "hostile.json"
    hostile.run(hostile.Settings(strangers=sized(600, 2000), seconds=3.0), out, lambda *_: None)
    figures = read_figures(out, "hostile")
    assert figures["connections_made"] >= figures["strangers"]
    assert figures["api_requests"] > 0 and figures["errors"] == figures["health_missed"] == 0
    console = Console(record=True, width=200)
    show_hostile(console, figures)
    assert "requests in vain 0" in [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert promises.besieged({**figures, "api_p95_ms": 151.0, "health_worst_ms": 1001.0}) == [
        "p95 151 ms",
        "health 1001 ms",
    ]


@pytest.mark.fhe
def test_a_small_run(tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Real keys, real reports, a real trainer: nothing is lost and nothing comes twice."""
    out = tmp_path / "service.json"
    settings = Settings(devices=sized(3, 200), at_once=sized(3, 50), workers=1, key_sets=1)
    service.run(settings, out, lambda *_: None)
    figures = read_figures(out, "service")
    assert promises.unreliable(figures) == []
    assert figures["accepted"] == settings.devices
    assert figures["relative_error"] < 0.8


def test_the_committed_figures_are_in_form() -> None:
    """What is published passes the schema, and keeps what is promised whatever the machine did besides."""
    path = Path(__file__).parents[2] / "benchmarks" / "results" / "service.json"
    figures = json.loads(path.read_text())
    validator("service").validate(figures)
    assert promises.unreliable(figures) == []
    assert (figures["devices"], figures["at_once"]) == (200, 50)


def test_a_jobs_seconds_are_accounted_for() -> None:
    """Starting, reading keys, what is made of them at first use, look-ups, and time without a job."""
    look_ups = [block.look_ups for block in SMALL_PLAN.blocks]
    each = [0.1 * number for number in look_ups]
    first = {"start_seconds": 0.4, "keys_seconds": 0.2, "block_seconds": [each[0] + 0.5, *each[1:]]}
    again = {"start_seconds": 0.0, "keys_seconds": 0.0, "block_seconds": each}
    common = {"event": "circuit_done", "threads": 1, "seconds": 2.0}
    lines: list[dict[str, object]] = [
        {**common, **first, "cpu_seconds": sum(each) + 1.2},
        {**common, **again, "cpu_seconds": sum(each)},
        *({"event": "job_done", "seconds": 3.0} for _ in range(2)),
        {"event": "ready"},
    ]
    found = account_of(lines, SMALL_PLAN, workers=2, seconds=4.0)
    assert found is not None
    assert (found["jobs"], found["kept"]) == (2, 1)
    assert found["start_s"] == pytest.approx(0.2)
    assert found["making_s"] == pytest.approx(0.25)
    assert found["look_ups_s"] == pytest.approx(sum(each))
    assert found["rest_s"] == pytest.approx(0.05)
    assert found["idle"] == pytest.approx(0.25)
    assert account_of([{"event": "ready"}], SMALL_PLAN, 1, 1.0) is None
