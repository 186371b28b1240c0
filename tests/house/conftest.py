"""The sources as the house tests see them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = {
    "quietkeys_protocol": ROOT / "protocol/quietkeys_protocol",
    "quietkeys": ROOT / "sdk/quietkeys",
    "quietkeys_trainer": ROOT / "cloud_trainer/quietkeys_trainer",
    "quietkeys_keyboard": ROOT / "demo_app/quietkeys_keyboard",
    "quietkeys_ibus": ROOT / "input_method/quietkeys_ibus",
    "quietkeys_bench": ROOT / "benchmarks/quietkeys_bench",
}


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def committed(root: Path) -> list[Path]:
    """Every file that is committed, or would be: untracked ones count unless they are ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
    paths = sorted({root / name for name in listing.split("\0") if name})
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="session")
def sources() -> dict[Path, str]:
    """Every module that is shipped, and its text."""
    return {path: path.read_text() for package in PACKAGES.values() for path in sorted(package.rglob("*.py"))}
