"""What requirements bring along, read from this environment."""

from __future__ import annotations

import pytest

from tools.closure import closure
from tools.wheels import base_install


def test_extras_are_followed_where_they_are_asked_for() -> None:
    """An extra of something needed is needed, asked for first or later; one that nobody asks for is not."""
    assert "psycopg-binary" in closure(["psycopg[binary]"])
    assert "psycopg-binary" in closure(["psycopg", "psycopg[binary]"])
    assert "psycopg-binary" in closure(["quietkeys[trainer]"])
    assert "psycopg-binary" not in closure(["psycopg"])


def test_what_is_left_out_takes_its_own_along() -> None:
    """What only left-out distributions ask for is left out too, what others ask for stays."""
    assert {"typer", "rich", "pygments"} <= closure(["typer"])
    left = closure(["typer", "pygments"], without=("rich",))
    assert "pygments" in left
    assert not left & {"rich", "markdown-it-py", "mdurl"}


@pytest.mark.parametrize("line", ["surely-not-installed", "Surely_Not.Installed>=3"])
def test_what_is_not_installed_is_named(line: str) -> None:
    """A lock holds what other systems need, under its canonical name."""
    assert closure([line]) == {"surely-not-installed"}


def test_markers_are_read_for_here() -> None:
    """What another system needs is not needed."""
    assert closure(["quietkeys"]) == base_install() | {"quietkeys"}
    assert not base_install() & {"pywin32-ctypes", "colorama"}
