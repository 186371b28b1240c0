"""What must hold on real people: the figures that the README states, measured again. `make soak DATA=...`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quietkeys.bundle import shipped_bundle
from quietkeys_bench.people import find_people, spread
from quietkeys_bench.personalization import Settings, run
from quietkeys_bench.schemas import read_figures
from quietkeys_bench.subject import Mode, shipped_subject
from quietkeys_bench.training import encrypted_training

pytestmark = pytest.mark.soak
ENCRYPTED_PEOPLE = 6


def test_learning_helps_people(data_folder: Path, results_folder: Path) -> None:
    """Local learning and the update remove their shares of the errors, few are harmed, most updates apply."""
    out = results_folder / "personalization-clear.json"
    settings = Settings(find_people(data_folder / "people"))
    run(settings, out, shipped_subject, lambda *_: None, jobs=os.cpu_count() or 1)
    figures = read_figures(out, "personalization")
    assert figures["local_removes"] >= 0.20
    assert figures["update_removes"] >= 0.05
    assert figures["harmed"] <= 0.05
    assert figures["applied"] >= 0.5
    assert figures["reference_keeps"]["errors"] >= 0.8
    assert figures["reference_keeps"]["log_likelihood"] >= 0.8


def test_encrypted_updates_agree_with_the_reference(
    data_folder: Path, results_folder: Path, tmp_path: Path
) -> None:
    """For every block and person the encrypted z is near the reference, and suggestions are the same."""
    out = results_folder / "personalization-execute.json"
    people = spread(find_people(data_folder / "people"), ENCRYPTED_PEOPLE)
    settings = Settings(people, seeds=(0,), mode=Mode.EXECUTE)
    with encrypted_training(shipped_bundle(), tmp_path) as train:
        run(settings, out, shipped_subject, lambda *_: None, train=train)
    agreement = read_figures(out, "personalization")["agreement"]
    for block in agreement["blocks"]:
        assert block["relative_l2"] <= 0.10, block
        assert 0.95 <= block["slope"] <= 1.05, block
    assert agreement["same_best"] >= 0.995
