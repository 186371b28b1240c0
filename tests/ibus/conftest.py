"""A desktop for all tests that need one; named and skipped where the system lacks its packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.ibus.desktop import Session, Window, session, what_is_missing, window

KEPT: Final = ("teh", "adn")  # mistakes that tests type, and take back the correction of


@pytest.fixture(scope="session")
def one_desktop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A desktop with our engine, for all tests."""
    absent = what_is_missing()
    if absent:
        pytest.skip(f"the system lacks {absent}")
    display = request.getfixturevalue("screen_in_memory")
    with session(display, tmp_path_factory.mktemp("desktop")) as found:
        yield found


@pytest.fixture
def desktop(one_desktop: Session) -> Session:
    """That desktop, whose engine knows nothing of the mistakes that other tests kept."""
    for word in KEPT:
        one_desktop.call("ForgetWord", word)
    return one_desktop


@pytest.fixture(params=["3", "4"])
def fields(request: pytest.FixtureRequest, desktop: Session) -> Iterator[Window]:
    """An application of each toolkit, fresh for each test."""
    with window(desktop, request.param) as found:
        found.click("text")
        yield found


@pytest.fixture
def profile_folder(tmp_path: Path) -> Path:
    """Where a profile goes."""
    return tmp_path / "profile"
