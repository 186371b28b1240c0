"""Keyboards on the small bundle of the tests, for benches that open their own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from quietkeys_bench.common.subject import Keyboards
from tests.sdk import small


def small_keyboards(folder: Path) -> Keyboards:
    """Return what opens keyboards on the small bundle, written into a folder."""
    return Keyboards(small.write(folder / "en", dict(_files())), small.TRUSTED)


@lru_cache(maxsize=1)
def _files() -> tuple[tuple[str, bytes], ...]:
    return tuple(small.files().items())


def ignore(done: int, total: int, name: str) -> None:
    """Tell nobody how far a bench is."""
