"""What requirements bring along in this environment. Read from what is installed, never from an index."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name


def closure(lines: Iterable[str], *, without: tuple[str, ...] = ()) -> set[NormalizedName]:
    """Return the names of what requirements ask for, and of what that asks for, with the extras asked for.

    without: beginnings of names that are left out, and what only they ask for. What is not installed is named
    all the same, and asks for nothing: a lock has it where a marker of another system does.
    """
    wanted = [Requirement(line) for line in lines]
    found: dict[NormalizedName, set[str]] = {}
    while wanted:
        one = wanted.pop()
        name, extras = canonicalize_name(one.name), {"", *one.extras}
        new = extras - found.get(name, set())
        if new and not name.startswith(without):
            found.setdefault(name, set()).update(new)
            wanted += _asked(name, new)
    return set(found)


def _asked(name: str, extras: set[str]) -> list[Requirement]:
    """Return what a distribution asks for here with extras; the empty one is what it always asks for."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    return [
        one
        for one in map(Requirement, lines)
        if (one.marker is None and "" in extras)
        or (one.marker is not None and any(one.marker.evaluate({"extra": extra}) for extra in extras))
    ]
