"""Writes deploy/requirements.lock and deploy/build.lock: what the trainer's image needs of requirements.lock.

    python tools/image_lock.py

The second is what builds the wheel that goes into the image, and does not go into it itself.
Run in an environment that was installed from the lock: needs are read from what is installed. Torch is left
out with what it drags along: the image gets its CPU build.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from tools.closure import closure

ROOT: Final = Path(__file__).resolve().parent.parent
EXTRAS: Final = ("trainer", "ray")
UNDECLARED: Final = "setuptools"  # Concrete imports pkg_resources and does not say so
APART: Final = "torch"
CUDA: Final = ("nvidia-", "triton")  # what only its build for GPUs needs
# What the device has and the service never imports.
DEVICE: Final = frozenset({"filelock", "keyring", "onnxruntime", "pynacl", "rapidfuzz", "requests"})
_BUILD_HEAD: Final = "# Written by tools/image_lock.py from requirements.lock: what builds the wheel.\n"
_HEAD: Final = (
    "# Written by tools/image_lock.py from requirements.lock: what the trainer's image needs, torch apart.\n"
)


def needed(root: Path) -> set[NormalizedName]:
    """Return the names of all distributions that a trainer with these extras needs."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = [
        line for line in project["dependencies"] if canonicalize_name(Requirement(line).name) not in DEVICE
    ]
    lines += [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    return closure([*lines, UNDECLARED], without=CUDA) - {APART}


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
    names = closure(tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"])
    kept = [text for name, text in entries((root / "requirements.lock").read_text()) if name in names]
    return _BUILD_HEAD + "".join(kept)


if __name__ == "__main__":
    (ROOT / "deploy" / "requirements.lock").write_text(image_lock(ROOT))
    (ROOT / "deploy" / "build.lock").write_text(build_lock(ROOT))
