"""kill -9 at any moment: nothing is lost, nothing happens twice, the profile opens."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from quietkeys import Outcome
from tests.sdk import small
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


def run_doomed(rig: Rig, work: str, point: str, number: int) -> list[str]:
    """What a device printed until it killed itself."""
    where = [str(rig.folder / "profile"), str(rig.bundle), rig.url]
    command = [sys.executable, "-m", "tests.sdk.doomed", work, point, str(number), *where]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    return result.stdout.split()


def test_a_sync_survives_kill(rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Killed anywhere, a sync goes on when the profile is opened again: one report, one job, applied once."""
    points = EVERY_SYNC_POINT[: sized(0, 100)] or FEW_SYNC_POINTS
    for point, number in points:
        with serving(over_http(rig.trainer)) as url:
            rig.url, rig.transport = url, None
            shutil.rmtree(rig.folder / "profile", ignore_errors=True)
            shutil.copytree(rig.learned, rig.folder / "profile")
            rig.trainer.jobs.clear()
            rig.trainer.devices.clear()
            run_doomed(rig, "sync", point, number)
            with rig.open() as keyboard:
                assert keyboard.status().problems == ()
                if keyboard.status().adapter_version == 0:
                    assert keyboard.sync().outcome is Outcome.APPLIED, (point, number)
                assert keyboard.status().adapter_version == 1
                kinds = [line.kind for line in keyboard.ledger()]
            wanted = ["consent_given", "keys_announced", "keys_uploaded"]
            wanted += ["report_sent", "update_fetched", "update_applied"]
            assert kinds == wanted, (point, number)
            assert len(rig.trainer.jobs) == len(rig.trainer.devices) == 1, (point, number)
            leftovers = {path.name for path in (rig.folder / "profile" / "outbox").iterdir()}
            assert leftovers == set(), (point, number)


def test_new_keys_survive_kill(rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Killed anywhere, a rotation is finished by the next syncs: new keys, and nothing is left of the old."""
    points = EVERY_ROTATION_POINT[: sized(0, 100)] or FEW_ROTATION_POINTS
    for point, number in points:
        with serving(over_http(rig.trainer)) as url:
            rig.url, rig.transport = url, None
            shutil.rmtree(rig.folder / "profile", ignore_errors=True)
            rig.trainer.jobs.clear()
            rig.trainer.devices.clear()
            rig.trainer.accounts.clear()
            with rig.open_learned() as keyboard:
                keyboard.sync()
            (account,) = rig.trainer.accounts.values()
            (old,) = account.keys
            run_doomed(rig, "rotate", point, number)
            with rig.open() as keyboard:
                assert keyboard.status().problems == ()
                assert keyboard.status().adapter_version >= 1
                if keyboard.status().open_report:
                    keyboard.sync()  # what was sent before the kill comes first
                for _ in range(2):
                    keyboard.sync()
                assert list(account.keys) != [old], (point, number)
                assert len(account.keys) == 1, (point, number)
                assert {job.report.key_id.hex() for job in rig.trainer.jobs.values()} == set(account.keys)
                assert [line.kind for line in keyboard.ledger()].count("keys_deleted") == 1, (point, number)
            leftovers = {path.name for path in (rig.folder / "profile" / "outbox").iterdir()}
            assert leftovers == set(), (point, number)


@pytest.mark.parametrize(("point", "more"), [("commit", 0), ("committed", 1)])
def test_a_record_survives_kill(rig: Rig, point: str, more: int) -> None:
    """Killed within a record it is as if that word had not been typed; killed after it, it is there."""
    said = run_doomed(rig, "record", point, 20)
    assert said == list(small.WORDS[:19])
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 19 + more
        words = keyboard._learning.predictor.memory.words()
        assert set(words) == set(small.WORDS[: 19 + more])
        assert all(count == pytest.approx(1.0, rel=1e-3) for count in words.values())
        touches = keyboard._learning.predictor.touch.stored(0)[:, 0].sum()
        assert touches == sum(map(len, small.WORDS[: 19 + more]))
        keyboard.record("", "more", "more")


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
