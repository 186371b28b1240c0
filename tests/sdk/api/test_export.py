"""The file in which a user takes along what was learned."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import AppProfile, ErrorCode, Level, Personalizer, TryAgain
from quietkeys.api.export import coarse
from tests.sdk.conftest import STATEMENT, Rig


def export_of(keyboard: Personalizer, folder: Path) -> dict[str, Any]:
    """What an export holds."""
    path = folder / "export.json"
    keyboard.vocabulary.export(path)
    tree: dict[str, Any] = json.loads(path.read_bytes())
    return tree


def test_everything_learned_and_chosen_is_exported(rig: Rig) -> None:
    """Words and pairs with counts, every list, preferences, consent and the ledger."""
    with rig.open() as keyboard:
        vocabulary = keyboard.vocabulary
        for context, word in (("", "see"), ("see", "you"), ("", "see"), ("see", "you"), ("12:30", "people")):
            keyboard.record(context, word, word)
        vocabulary.add("BrokLing")
        keyboard.record("see", "YOU", "YOU")
        keyboard.vocabulary.add("wi-fi")
        vocabulary.never_correct("peopke")
        vocabulary.never_suggest("you")
        vocabulary.always_replace("omw", "on my way")
        keyboard.level = Level.CAREFUL
        keyboard.paused = True
        keyboard.apps.set("org.example.mail", AppProfile(learn=False))
        tree = export_of(keyboard, rig.folder)
        vocabulary.forget("brokling")
        assert "brokling" not in json.dumps(export_of(keyboard, rig.folder)).lower()
    assert (tree["format"], tree["version"]) == ("quietkeys export", 1)
    assert {(one["word"], round(one["count"]), one["own"]) for one in tree["words"]} == {
        ("see", 2, False),
        ("you", 3, False),
        ("people", 1, False),
        ("brokling", 1, True),
    }
    pairs = {(one["before"], one["word"]): round(one["count"]) for one in tree["pairs"]}
    assert pairs == {("", "see"): 2, ("see", "you"): 3}
    (form,) = tree["forms"]
    assert (form["word"], form["written"], round(form["count"])) == ("you", "YOU", 1)
    assert tree["added"] == ["BrokLing", "wi-fi"]
    assert tree["never_correct"] == ["peopke"]
    assert tree["never_suggest"] == ["you"]
    assert tree["replacements"] == {"omw": "on my way"}
    assert (tree["level"], tree["paused"]) == ("careful", True)
    assert tree["apps"] == {"org.example.mail": {"learn": False, "suggest": True, "level": None}}
    assert tree["consent"]["statement"] == STATEMENT
    assert [line["kind"] for line in tree["ledger"]] == ["consent_given"]
    assert tree["adapter"]["version"] == 0


def test_weights_are_exported_coarsely(rig: Rig) -> None:
    """Each has one of seven values; they point where the exact ones point, and not all are these."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        adapter = export_of(keyboard, rig.folder)["adapter"]
        exact = keyboard._opened.adapter.weights
    assert adapter["version"] == 1
    assert adapter["bits"] == 3
    assert adapter["blocks"].keys() == exact.keys()
    for name, block in adapter["blocks"].items():
        levels = np.array(block["weights"])
        assert set(levels.tolist()) <= set(range(-3, 4))
        shown = block["step"] * levels
        assert np.abs(shown - exact[name]).max() <= block["step"] / 2 * (1 + 1e-6)
        assert not np.array_equal(shown.astype(np.float32), exact[name])


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=20))
def test_a_coarse_weight_has_three_bits(weights: list[int]) -> None:
    """Whatever the weights, the levels fit, the step is a power of two, and the error is half a step."""
    array = np.array(weights, np.int64)
    step, levels = coarse(array)
    assert step & (step - 1) == 0
    assert np.abs(levels).max() <= 3
    assert np.abs(step * levels - array).max() <= step / 2
    assert step == 1 or np.abs(levels).max() >= 2


def test_the_file_is_its_owners_only(keyboard: Personalizer, tmp_path: Path) -> None:
    """Also where a readable file was there before; nothing else is left beside it, and the ledger tells."""
    path = tmp_path / "there" / "export.json"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    keyboard.vocabulary.export(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["export.json"]
    assert keyboard.ledger()[-1].kind == "exported"


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    keyboard: Personalizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so, and the ledger tells of no export."""
    with pytest.raises(TryAgain) as caught:
        keyboard.vocabulary.export(tmp_path / "missing" / "export.json")
    assert caught.value.code is ErrorCode.STORAGE_FAILED
    path = tmp_path / "export.json"
    path.write_text("old")

    def fail(_: int) -> None:
        raise OSError

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(TryAgain):
        keyboard.vocabulary.export(path)
    assert path.read_text() == "old"
    assert [line.kind for line in keyboard.ledger()] == ["consent_given"]
