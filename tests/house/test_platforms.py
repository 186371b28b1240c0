"""The device's code is typed for systems that this one is not: every call of one system has a branch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def checked(root: Path, platform: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What mypy says of a source, as it would run on another system."""
    cache = root / ".mypy_cache" / platform
    command = [sys.executable, "-m", "mypy", "--platform", platform, "--cache-dir", str(cache), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_device_is_typed_for_other_systems(root: Path, platform: str) -> None:
    """Windows and macOS know every name that the SDK and the protocol use there."""
    result = checked(root, platform, "sdk", "protocol")
    assert result.returncode == 0, result.stdout


def test_a_call_of_one_system_is_noticed(root: Path, tmp_path: Path) -> None:
    """A test that accepted everything would be of no use."""
    source = tmp_path / "polite.py"
    source.write_text("import os\n\nos.nice(1)\n")
    result = checked(root, "win32", str(source))
    assert 'no attribute "nice"' in result.stdout
