"""A screen in memory, for tests of programs with a window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quietkeys_bench.common import processes


@pytest.fixture(scope="session")
def screen_in_memory() -> Iterator[str]:
    """A screen in memory; what DISPLAY is to be."""
    with processes.screen_in_memory() as display:
        yield display
