"""The wheel in empty environments: other Pythons, oldest and newest libraries, aarch64. `make soak` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.elsewhere import PLACES, Place, tried

INSTALLED_BYTES = 200_000_000  # at most, without bytecode
HERE = next(place for place in PLACES if place.name == "3.11 x86_64 newest")
SLOWER = 3.0  # times the processor's seconds of ONNX Runtime that typing may take without it

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: place.name)
def place(request: pytest.FixtureRequest) -> Place:
    """One after the other."""
    found: Place = request.param
    return found


def row_of(place: Place, folder: Path) -> dict[str, Any]:
    """What was found there, now or by an earlier soak of the same wheel."""
    (row,) = tried(folder / "devices.json", [place])
    if "missing" in row:
        pytest.skip(row["missing"])
    return row


def test_the_wheel_alone_is_a_whole_device(place: Place, results_folder: Path) -> None:
    """It installs in little room; the device's tests pass; where it syncs, the trainer's update is used."""
    row = row_of(place, results_folder)
    assert row["passed"], row["wrong"]
    if not place.oldest:
        assert row["installed_bytes"] <= INSTALLED_BYTES
    assert row["suite"]["passed"] == row_of(HERE, results_folder)["suite"]["passed"]  # as many as here


def test_the_model_says_the_same_everywhere(place: Place, results_folder: Path) -> None:
    """Log-probabilities differ by rounding at most, whatever computes them, and the strip shows the same."""
    row = row_of(place, results_folder)
    here = row_of(HERE, results_folder)
    pairs = zip(
        row["app"]["model"]["log_probabilities"], here["app"]["model"]["log_probabilities"], strict=True
    )
    assert max(abs(one - other) for one, other in pairs) < 5e-3
    if not place.emulated and not place.syncs:  # the same words were typed, and nothing was trained
        assert row["app"]["suggested"] == here["app"]["suggested"]


def test_typing_without_onnx_runtime_is_not_much_slower(results_folder: Path) -> None:
    """The same words, counted and corrected, with numpy in its place."""
    names = ("3.13 x86_64 without onnxruntime", "3.14 x86_64 newest")
    without, with_it = (
        row_of(next(one for one in PLACES if one.name == name), results_folder)["app"]["typing_seconds"]
        for name in names
    )
    assert without <= SLOWER * with_it
