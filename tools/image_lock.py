"""Writes deploy/requirements.lock and deploy/build.lock: what the trainer's image needs of requirements.lock.

    python tools/image_lock.py

The second is what builds the wheel that goes into the image, and does not go into it itself.
Run in an environment that was installed from the lock: needs are read from what is installed. Concrete ML
is left out, which no trainer imports, and with it half of the lock; so are torch and what it drags along,
which the image gets in their CPU build.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT: Final = Path(__file__).resolve().parent.parent
EXTRAS: Final = ("trainer", "ray")
UNUSED: Final = frozenset({"concrete-ml"})
UNDECLARED: Final = "setuptools"  # Concrete imports pkg_resources and does not say so
APART: Final = "torch"
CUDA: Final = ("nvidia-", "triton")  # what only its build for GPUs needs
# What the device has and the service never imports.
DEVICE: Final = frozenset({"filelock", "keyring", "onnxruntime", "pynacl", "rapidfuzz", "requests"})
_BUILD_HEAD: Final = "# Written by tools/image_lock.py from requirements.lock: what builds the wheel.\n"
_HEAD: Final = (
    "# Written by tools/image_lock.py from requirements.lock: what the trainer's image needs, torch apart.\n"
)


def needed(root: Path) -> set[str]:
    """Return the names of all distributions that a trainer with these extras needs."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = [
        line for line in project["dependencies"] if canonicalize_name(Requirement(line).name) not in DEVICE
    ]
    lines += [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    return _closure([*lines, UNDECLARED]) - {APART}


def _closure(lines: Sequence[str]) -> set[str]:
    """Return the names of what these requirements ask for, and what that asks for."""
    found: set[str] = set()
    waiting = [
        (canonicalize_name(wanted.name), frozenset(wanted.extras)) for wanted in map(Requirement, lines)
    ]
    while waiting:
        name, extras = waiting.pop()
        if name in UNUSED or name in found or name.startswith(CUDA):
            continue
        found.add(name)
        waiting += _asked(name, extras)
    return found


def _asked(name: str, extras: frozenset[str]) -> list[tuple[NormalizedName, frozenset[str]]]:
    """Return what a distribution asks for here, nothing where it is not installed: the lock has markers."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    wanted = map(Requirement, lines)
    return [
        (canonicalize_name(one.name), frozenset(one.extras))
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def entries(lock: str) -> list[tuple[str, str]]:
    """Return name and text of every entry of a lock, hashes included."""
    found = re.findall(r"^(([a-z0-9-]+)==.*?)(?=^[a-z#]|\Z)", lock, re.MULTILINE | re.DOTALL)
    return [(name, text) for text, name in found]


def image_lock(root: Path) -> str:
    """Return the text of deploy/requirements.lock."""
    names = needed(root)
    kept = [text for name, text in entries((root / "requirements.lock").read_text()) if name in names]
    return _HEAD + "".join(kept)


def build_lock(root: Path) -> str:
    """Return the text of deploy/build.lock."""
    names = _closure(tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"])
    kept = [text for name, text in entries((root / "requirements.lock").read_text()) if name in names]
    return _BUILD_HEAD + "".join(kept)


if __name__ == "__main__":
    (ROOT / "deploy" / "requirements.lock").write_text(image_lock(ROOT))
    (ROOT / "deploy" / "build.lock").write_text(build_lock(ROOT))
