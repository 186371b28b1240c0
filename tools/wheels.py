"""The wheel of this checkout, and what a base install of it brings, taken from this environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from tools.closure import closure

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = canonicalize_name("quietkeys")


def built(folder: Path) -> Path:
    """Return the wheel of this checkout, built into a folder without the network."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *wheel, str(ROOT)], check=True)
    (found,) = folder.glob("*.whl")
    return found


def base_install() -> set[NormalizedName]:
    """Return the names of all distributions that a base install brings besides our own."""
    return closure([OURS]) - {OURS}


def copy_distribution(name: str, target: Path) -> None:
    """Copy a distribution of this environment into a folder, without scripts and bytecode."""
    for file in distribution(name).files or ():
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        destination = target / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), destination)
