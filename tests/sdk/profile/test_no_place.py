"""A disk that is full when a profile is opened, and a folder that is removed while it is open."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quietkeys import ErrorCode, Personalizer, QuietkeysError, TryAgain
from quietkeys.profile.folder import LOCK
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import error_of
from tests.sdk.conftest import Rig

WRITING = os.O_CREAT | os.O_WRONLY | os.O_RDWR


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file be made or written within the block; the lock's holds nothing."""
    opened = os.open

    def refused(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & WRITING and Path(path).name != LOCK:
            raise OSError(errno.ENOSPC, "no space")
        return opened(path, flags, *more, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", refused)
        yield


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder that hold something."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusals(keyboard: Personalizer) -> set[ErrorCode]:
    """Return what every kind of change is refused with; fail if one is not."""
    changes: list[Callable[[], object]] = [
        lambda: keyboard.record("see", "yuo", "you"),
        lambda: keyboard.vocabulary.add("zorbly"),
        lambda: keyboard.vocabulary.forget("you"),
        lambda: setattr(keyboard, "paused", True),
        keyboard.forget,
        keyboard.inspect,
        keyboard.rollback,
    ]
    codes = set()
    for change in changes:
        with pytest.raises(QuietkeysError) as caught:
            change()
        codes.add(caught.value.code)
    return codes


def test_a_full_disk_opens_what_was_learnt(rig: Rig) -> None:
    """Suggestions are as before, nothing is stored or removed, the status says what to do; room helps."""
    with rig.open_learned() as keyboard:
        keyboard.vocabulary.add("zorbly")
        shown, known = keyboard.suggest("my", "zorblx"), keyboard.status()
    before = files(rig.folder / "profile")
    with full_disk(), rig.open(consent=False) as keyboard:
        status = keyboard.status()
        assert keyboard.suggest("my", "zorblx") == shown
        assert (status.words_recorded, status.own_words) == (known.words_recorded, known.own_words)
        assert "no space" in status.problems[0].message
        assert "Free some space" in status.problems[0].advice
        assert refusals(keyboard) == {ErrorCode.DISK_FULL}
        assert keyboard.status() == status
    assert files(rig.folder / "profile") == before
    with rig.open() as keyboard:
        assert keyboard.status() == known
        keyboard.record("see", "yuo", "you")
        assert keyboard.status().words_recorded == known.words_recorded + 1


def test_a_full_disk_opens_a_new_profile(rig: Rig) -> None:
    """One that suggests, learns nothing and leaves nothing behind but its lock."""
    with full_disk(), rig.open(consent=False) as keyboard:
        assert keyboard.suggest("see", "yuo").strip
        assert keyboard.status().words_recorded == 0
        assert refusals(keyboard) == {ErrorCode.DISK_FULL}
    assert set(files(rig.folder / "profile")) <= {LOCK}
    with rig.open() as keyboard:
        assert keyboard.status().problems == ()


def test_a_full_disk_and_a_damaged_profile(rig: Rig) -> None:
    """The last good version is used."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
    (rig.folder / "profile" / "profile.sqlite").write_bytes(b"not a database at all" * 100)
    with full_disk(), rig.open(consent=False) as keyboard:
        assert keyboard.status().words_recorded == words
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == words


@pytest.mark.parametrize("free", [0, 2**30])
def test_what_sqlite_cannot_say_the_disk_does(rig: Rig, free: int) -> None:
    """Where its index finds no room it says that reading failed; that on a disk with room is refused."""

    def failing(*_: object) -> Store:
        raise error_of(ErrorCode.STORAGE_FAILED)

    usage = shutil.disk_usage(rig.folder)._replace(free=free)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "open", failing)
        patched.setattr(shutil, "disk_usage", lambda _: usage)
        if free:
            with pytest.raises(TryAgain) as caught:
                rig.open()
            assert caught.value.code is ErrorCode.STORAGE_FAILED
        else:
            with rig.open(consent=False) as keyboard:
                assert keyboard.suggest("see", "yuo").strip
    rig.open().close()


@pytest.mark.parametrize("another", [False, True])
def test_a_removed_folder_takes_nothing_more(rig: Rig, another: bool) -> None:
    """It is refused with what to do, also if another profile lies there by then; suggestions go on."""
    folder = rig.folder / "profile"
    with rig.open_learned() as keyboard:
        shown = keyboard.suggest("see", "yuo")
        shutil.rmtree(folder)
        if another:
            rig.open().close()
        assert keyboard.suggest("see", "yuo") == shown
        assert refusals(keyboard) == {ErrorCode.PROFILE_GONE}
        (problem,) = keyboard.status().problems
        assert "removed" in problem.message
        assert "Open it again" in problem.advice
    assert folder.exists() is another
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 0
