"""The tour in its window: real encryption, from the first screen to the receipt, within two minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from quietkeys_keyboard.presenters.tour import Stage

TOOL = Path(__file__).parents[2] / "tools" / "tour.py"


@pytest.mark.soak
@pytest.mark.fhe
def test_the_tour_runs_by_itself(tmp_path: Path) -> None:
    """It says where it is, shows that a changed byte is refused, and leaves pictures of all of it."""
    ended = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "Refused. Byte " in ended.stdout
    assert "signed a receipt" in ended.stdout
    assert len(list(tmp_path.glob("tour-*.png"))) >= len(Stage) - 2
