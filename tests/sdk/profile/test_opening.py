"""What opening a profile meets: other processes, other bundles, other versions, damage, a full disk."""

from __future__ import annotations

import errno
import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quietkeys import (
    ErrorCode,
    Outdated,
    Refused,
    TryAgain,
    Untrusted,
)
from tests.sdk import small
from tests.sdk.conftest import Rig

HEAVY = (
    "torch",
    "concrete",
    "fastapi",
    "kivy",
    "onnx",
    "scipy",
    "sqlalchemy",
    "requests",
    "quietkeys_trainer",
)


def test_one_process_uses_a_profile(rig: Rig) -> None:
    """A second opening is refused until the first is closed."""
    with rig.open():
        with pytest.raises(Refused) as caught:
            rig.open()
        assert caught.value.code is ErrorCode.PROFILE_LOCKED
    rig.open().close()


def test_no_thread_gets_a_second_hold_of_a_profile(rig: Rig) -> None:
    """It is refused too, whichever thread opened or closes the first; the file of the lock stays."""
    lock = rig.folder / "profile" / "lock"
    with ThreadPoolExecutor(1) as other:
        keyboard = other.submit(rig.open).result()
        assert lock.stat().st_mode & 0o777 == 0o600
        for opened in (rig.open, other.submit(rig.open).result):
            with pytest.raises(Refused) as caught:
                opened()
            assert caught.value.code is ErrorCode.PROFILE_LOCKED
        keyboard.close()
        keyboard.close()
        other.submit(rig.open).result().close()
    assert lock.exists()


def test_a_folder_that_cannot_be_locked_is_not_opened(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mere file for a lock would be left by a kill, and the profile closed for ever."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", flock)
        with pytest.raises(TryAgain) as caught:
            rig.open()
    assert caught.value.code is ErrorCode.STORAGE_FAILED
    rig.open().close()


def test_an_older_bundle_is_refused(rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path) -> None:
    """The highest version seen is remembered, also over forgetting everything."""
    newer = small.write(tmp_path / "newer" / "en", bundle_files, version=3)
    with rig.open(bundle=newer) as keyboard:
        assert keyboard.status().bundle_version == 3
        keyboard.forget()
    with pytest.raises(Untrusted) as caught:
        rig.open()
    assert caught.value.code is ErrorCode.BUNDLE_UNTRUSTED
    rig.open(bundle=newer).close()


def test_a_bundle_of_a_stranger_is_refused(rig: Rig) -> None:
    """A bundle signed by no trusted key opens nothing, and the profile can be opened afterwards."""
    with pytest.raises(Untrusted):
        rig.open(trusted_keys=(bytes(32),))
    rig.open().close()


def test_a_newer_profile_is_left_alone(rig: Rig) -> None:
    """A database of a later version is neither read nor set aside."""
    with rig.open_learned() as keyboard:
        keyboard._profile.store.database.run("PRAGMA user_version = 99")
    with pytest.raises(Outdated) as caught:
        rig.open()
    assert caught.value.code is ErrorCode.PROFILE_NEWER
    assert not list((rig.folder / "profile").glob("damaged*"))


def test_a_version_that_never_was_is_damage(rig: Rig) -> None:
    """A database that says so is set aside, and the last good version used."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
        keyboard._profile.store.database.run("PRAGMA user_version = 1")
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == words
        assert len(keyboard.status().problems) == 1


def test_a_full_disk_costs_nothing(rig: Rig) -> None:
    """Recording fails with advice and leaves everything as it was; suggestions go on; space helps."""
    with rig.open_learned() as keyboard:
        database = keyboard._profile.store.database
        ((pages,),) = database.rows("PRAGMA page_count")
        database.rows(f"PRAGMA max_page_count = {pages}")
        words = 0
        with pytest.raises(TryAgain) as caught:
            for number in range(5000):
                before = keyboard.status(), dict(keyboard._model.predictor.memory.counts)
                counted = keyboard._profile.store.counted(9000)
                keyboard.record("my own", "x", f"{small.WORDS[number % 200]}{'abcdefgh'[number // 200]}q")
                words += 1
        assert caught.value.code is ErrorCode.DISK_FULL
        assert (keyboard.status(), dict(keyboard._model.predictor.memory.counts)) == before
        assert keyboard._profile.store.counted(9000) == counted
        assert keyboard.suggest("see", "yuo").strip
        database.rows("PRAGMA max_page_count = 100000")
        keyboard.record("my own", "word", "word")
        expected = keyboard.status()
    with rig.open() as keyboard:
        assert keyboard.status() == expected


@pytest.mark.parametrize("damage", ["garbage", "flipped", "truncated", "empty row"])
def test_a_damaged_profile_is_set_aside(rig: Rig, damage: str) -> None:
    """The last good version is used, nothing is deleted, the status says what to do, suggestions go on."""
    with rig.open_learned() as keyboard:
        good = keyboard.status().words_recorded
        keyboard.sync()
        if damage == "empty row":
            keyboard._profile.store.database.run("UPDATE settings SET content = x'00'")
    path = rig.folder / "profile" / "profile.sqlite"
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        path.write_bytes(b"not a database at all" * 100)
    elif damage == "flipped":
        content[4096 * 2 : 4096 * 6] = bytes(value ^ 0xFF for value in content[4096 * 2 : 4096 * 6])
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    damaged = path.read_bytes()
    with rig.open() as keyboard:
        (problem,) = keyboard.status().problems
        assert "cannot be read" in problem.message
        assert "set aside" in problem.advice
        assert keyboard.status().words_recorded == good
        assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        keyboard.record("see", "yuo", "you")
        (aside,) = (rig.folder / "profile").glob("damaged-*-profile.sqlite")
        assert aside.read_bytes() == damaged
        assert "profile_recovered" in [line.kind for line in keyboard.ledger()]
        keyboard.sync()
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == good + 1
        assert len(keyboard.status().problems) == 1
        keyboard.forget()
        assert keyboard.status().problems == ()
        assert not list((rig.folder / "profile").glob("damaged-*"))


def test_another_plan_starts_its_counts_anew(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path
) -> None:
    """With a bundle of another plan words stay, counts of events and the adapter do not."""
    from dataclasses import replace

    from quietkeys_protocol.plan import Plan

    with rig.open_learned() as keyboard:
        keyboard.sync()
        words = keyboard.status().words_known
        assert keyboard.status().adapter_version == 1
    plan = Plan.parse(bundle_files["plan.json"])
    other = bundle_files | {"plan.json": replace(plan, sources=2).canonical}
    with rig.open(bundle=small.write(tmp_path / "other" / "en", other, version=2)) as keyboard:
        assert keyboard.status().words_known == words
        assert keyboard.status().adapter_version == 0
        assert not len(keyboard._model.recorder.counted()[0])
        assert keyboard._profile.store.held_out() == []
