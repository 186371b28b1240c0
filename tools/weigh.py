"""Weighs what a desktop bundle has to carry: the installed files of each extra and of what it needs.

python tools/weigh.py OUT.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys.bundle.bundle import shipped_bundle
from tools.closure import closure
from tools.wheels import OURS, base_install

EXTRAS: Final = ("", "demo", "trainer")
LARGEST: Final = 12  # distributions listed by name


def weight(name: str) -> int:
    """Return the bytes of a distribution's files, without bytecode. Raises PackageNotFoundError."""
    files = distribution(name).files or ()
    paths = (Path(str(file.locate())) for file in files if not str(file).endswith(".pyc"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def main(arguments: Sequence[str]) -> int:
    """Weigh and write."""
    if len(arguments) != 1:
        print("usage: weigh.py OUT.json", file=sys.stderr)
        return 2
    base = base_install()
    tree: dict[str, object] = {}
    for extra in EXTRAS:
        names = closure([f"{OURS}[{extra}]"]) - {OURS} - base if extra else base
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
