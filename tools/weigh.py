"""Weighs what a desktop bundle has to carry: the installed files of each extra and of what it needs.

python tools/weigh.py OUT.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from quietkeys.bundle.bundle import shipped_bundle

EXTRAS: Final = ("", "demo", "trainer")
LARGEST: Final = 12  # distributions listed by name


def needed(name: str, extra: str) -> Iterator[str]:
    """Yield the names of what a distribution needs with an extra, here and now."""
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement.name.lower().replace("_", "-")


def closure(extra: str) -> set[str]:
    """Return the names of all that quietkeys needs with an extra."""
    found: set[str] = set()
    waiting = list(needed("quietkeys", extra))
    while waiting:
        name = waiting.pop()
        try:
            distribution(name)
        except PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += needed(name, "")
    return found


def weight(name: str) -> int:
    """Return the bytes of a distribution's files, without bytecode."""
    files = distribution(name).files or ()
    paths = (Path(str(file.locate())) for file in files if not str(file).endswith(".pyc"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def main(arguments: Sequence[str]) -> int:
    """Weigh and write."""
    if len(arguments) != 1:
        print("usage: weigh.py OUT.json", file=sys.stderr)
        return 2
    base = closure("")
    tree: dict[str, object] = {}
    for extra in EXTRAS:
        names = closure(extra) - (base if extra else set())
        weights = dict(sorted(((name, weight(name)) for name in names), key=lambda item: -item[1]))
        tree[extra or "base"] = {
            "bytes": sum(weights.values()),
            "largest": dict(list(weights.items())[:LARGEST]),
        }
    tree["bundle"] = {"bytes": sum(map(len, shipped_bundle().files.values()))}
    Path(arguments[0]).write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
