"""kill -9 at any moment: nothing is lost, nothing happens twice, the profile opens."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from quietkeys import Outcome
from quietkeys.profile.ledger import LedgerKind
from tests.sdk import doomed, small
from tests.sdk.conftest import Rig
from tests.sdk.http_trainer import over_http, serving

EVERY_SYNC_POINT = [
    *((point, number) for number in range(1, 7) for point in ("request", "answer")),
    *((point, number) for number in range(1, 6) for point in ("commit", "committed")),
]
FEW_SYNC_POINTS = [
    ("answer", 3),
    ("answer", 4),
    ("commit", 2),
    ("answer", 6),
    ("commit", 5),
    ("committed", 5),
]
EVERY_ROTATION_POINT = [  # but one: killed in the first transaction, the wish for new keys is not written
    *((point, number) for number in range(1, 7) for point in ("request", "answer")),
    *(("commit", number) for number in range(2, 9)),
    *(("committed", number) for number in range(1, 9)),
]
FEW_ROTATION_POINTS = [("committed", 1), ("committed", 2), ("answer", 2), ("commit", 4), ("answer", 3)]
# Every device is a process of its own, forked from one that has imported everything and opened nothing.
DEVICES: Final = multiprocessing.get_context("forkserver")
DEVICES.set_forkserver_preload([doomed.__name__])


def run_doomed(rig: Rig, work: str, point: str, number: int) -> list[str]:
    """What a device said until it killed itself."""
    status, said = run(rig, work, point, number)
    assert status == -signal.SIGKILL
    return said


def run(rig: Rig, work: str, point: str, number: int) -> tuple[int | None, list[str]]:
    """The exit status of a device, and the lines that it said."""
    said = rig.folder / "said"
    said.unlink(missing_ok=True)
    where = doomed.Places(rig.folder / "profile", rig.bundle, rig.url, said)
    device = DEVICES.Process(target=doomed.main, args=(work, point, number, where))
    device.start()
    device.join()
    return device.exitcode, said.read_text().splitlines() if said.exists() else []


@contextmanager
def fresh(rig: Rig, *, learned: bool, synced: bool = False) -> Iterator[None]:
    """A trainer that has seen nobody, behind HTTP; a profile that has learned, or not, or synced once."""
    with serving(over_http(rig.trainer)) as url:
        rig.url, rig.transport = url, None
        shutil.rmtree(rig.folder / "profile", ignore_errors=True)
        if learned:
            shutil.copytree(rig.learned, rig.folder / "profile")
        rig.trainer.jobs.clear()
        rig.trainer.devices.clear()
        rig.trainer.accounts.clear()
        if synced:
            with rig.open() as keyboard:
                keyboard.sync()
        yield


def check_sync(rig: Rig, said: list[str]) -> None:
    """Nothing was lost and nothing happens twice: one device, one report, one update, applied once."""
    with rig.open() as keyboard:
        assert keyboard.status().problems == ()
        if keyboard.status().adapter_version == 0:
            assert keyboard.sync().outcome is Outcome.APPLIED
        assert keyboard.status().adapter_version == 1
        kinds = [line.kind for line in keyboard.ledger()]
    wanted = ["consent_given", "keys_announced", "keys_uploaded"]
    assert kinds == [*wanted, "report_sent", "update_fetched", "update_applied"]
    assert len(rig.trainer.jobs) == len(rig.trainer.devices) == 1
    assert list((rig.folder / "profile" / "outbox").iterdir()) == []


def check_record(rig: Rig, said: list[str]) -> None:
    """Every word whose record returned is there once, and at most one more."""
    assert said == list(small.WORDS[: len(said)])
    with rig.open() as keyboard:
        assert keyboard.status().problems == ()
        count = keyboard.status().words_recorded
        assert count - len(said) in (0, 1)
        words = keyboard._model.predictor.memory.words()
        assert set(words) == set(small.WORDS[:count])
        assert all(times == pytest.approx(1.0, rel=0.01) for times in words.values())
        touches = keyboard._model.predictor.touch.stored(0)[:, 0].sum()
        assert touches == sum(map(len, small.WORDS[:count]))
        keyboard.record("", "more", "more")


def check_rotate(rig: Rig, said: list[str]) -> None:
    """The next syncs finish it: new keys, nothing left of the old, nothing under way."""
    (account,) = rig.trainer.accounts.values()
    with rig.open() as keyboard:
        assert keyboard.status().problems == ()
        assert keyboard.status().adapter_version >= 1
        if keyboard.status().open_report:
            keyboard.sync()  # what was sent before the kill comes first
        status = keyboard.keys.status()
        asked = "keys_deleted" in [line.kind for line in keyboard.ledger()] or bool(
            status and status.rotating
        )
        for _ in range(2):
            keyboard.sync()
        assert len(account.keys) == 1
        assert {job.report.key_id.hex() for job in rig.trainer.jobs.values()} == set(account.keys)
        if asked:
            assert [line.kind for line in keyboard.ledger()].count(LedgerKind.KEYS_DELETED) == 1
    assert list((rig.folder / "profile" / "outbox").iterdir()) == []


CHECKS: dict[str, Callable[[Rig, list[str]], None]] = {
    "sync": check_sync,
    "record": check_record,
    "rotate": check_rotate,
}


def test_a_sync_survives_kill(rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Killed anywhere, a sync goes on when the profile is opened again: one report, one job, applied once."""
    points = EVERY_SYNC_POINT[: sized(0, 100)] or FEW_SYNC_POINTS
    for point, number in points:
        with fresh(rig, learned=True):
            check_sync(rig, run_doomed(rig, "sync", point, number))


def test_any_work_survives_kill_at_random_points(rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Whatever a device does, killed at a point drawn by chance it has lost nothing and doubled nothing."""
    passed: dict[str, dict[str, int]] = {}
    for work in CHECKS:
        with fresh(rig, learned=work != "record", synced=work == "rotate"):
            passed[work] = json.loads(run(rig, work, "never", 0)[1][-1])
    for case in range(sized(3, 50)):
        draw = random.Random(case)
        work = list(CHECKS)[case % len(CHECKS)]
        point = draw.choice(sorted(passed[work]))
        number = draw.randint(1, passed[work][point])
        with fresh(rig, learned=work != "record", synced=work == "rotate"):
            said = run_doomed(rig, work, point, number)
            CHECKS[work](rig, said)


def test_new_keys_survive_kill(rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Killed anywhere, a rotation is finished by the next syncs: new keys, and nothing is left of the old."""
    points = EVERY_ROTATION_POINT[: sized(0, 100)] or FEW_ROTATION_POINTS
    for point, number in points:
        with fresh(rig, learned=True, synced=True):
            check_rotate(rig, run_doomed(rig, "rotate", point, number))


@pytest.mark.parametrize(("point", "more"), [("commit", 0), ("committed", 1)])
def test_a_record_survives_kill(rig: Rig, point: str, more: int) -> None:
    """Killed within a record it is as if that word had not been typed; killed after it, it is there."""
    said = run_doomed(rig, "record", point, 20)
    assert said == list(small.WORDS[:19])
    check_record(rig, said)
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 20 + more


def test_forgetting_survives_kill(rig: Rig) -> None:
    """Once it has begun, forgetting is finished when the profile is opened again."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        keyboard._profile.store.wipe()  # and here the power goes
    with rig.open() as keyboard:
        status = keyboard.status()
        assert (status.words_known, status.adapter_version) == (0, 0)
        assert not (rig.folder / "profile" / "keys").exists()
        keyboard.forget()
        assert rig.trainer.devices == {}
