"""`tools/levels.py`: the table that the levels are chosen by."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from quietkeys.bundle.bundle import open_bundle
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from tests.model import noisy_text
from tests.sdk import small
from tools.levels import app, level_rows, strangers_table, table_of
from tools.model_build.noised import CERTAINTIES, LevelRow
from tools.model_build.strangers import StrangerRow, stranger_table


def test_rows_are_of_a_bundle_and_a_folder_of_texts(tmp_path: Path) -> None:
    """Every certainty in context and alone, of the fitted model; the same each time."""
    folder = small.write(tmp_path / "en", small.files())
    bundle = open_bundle(folder, trusted_keys=small.TRUSTED)
    text = noisy_text.write(tmp_path / "text")
    rows = level_rows(bundle, text, 100, 1)
    assert len(rows) == 2 * len(CERTAINTIES)
    assert 0 < rows[0].count + rows[-1].count <= 100
    assert rows == level_rows(bundle, text, 100, 1)


def test_the_table_names_the_levels() -> None:
    """A level stands beside the certainty it asks for, with the shares as per cent."""
    rows = [LevelRow(True, 0.95, 0.5, 0.0123, 7), LevelRow(False, 0.51, 0.25, 0.0, 1234)]
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(table_of(rows))
    shown = captured.get()
    for part in ("7 in context", "1,234 alone", "0.95", "careful", "50.0%", "1.23%"):
        assert part in shown


def test_strangers_are_tried_both_ways(tmp_path: Path) -> None:
    """Short words and names, weighed both ways: warily never alters more. The same each time."""
    bundle = open_bundle(small.write(tmp_path / "en", small.files()), trusted_keys=small.TRUSTED)
    text, judge = noisy_text.write(tmp_path / "text"), Predictor(load_model(bundle))
    rows = stranger_table(judge, text, 100, 1)
    assert [(row.name, row.warily) for row in rows[:2]] == [("short", False), ("short", True)]
    for as_others, warily in (rows[:2], rows[2:]):
        assert warily.altered <= as_others.altered
        assert warily.put_right <= as_others.put_right
    assert rows == stranger_table(judge, text, 100, 1)


def test_the_table_of_strangers_says_how_they_were_weighed() -> None:
    """With the counts of words and slips, and the shares as per cent."""
    console = Console(width=120, file=io.StringIO())
    with console.capture() as captured:
        console.print(strangers_table([StrangerRow("short", True, 0.5, 0.0123, 1234, 7)]))
    for part in ("short: 7 and 1,234 slips", "warily", "50.0%", "1.2%"):
        assert part in captured.get()


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """A bundle of another publisher, or none at all: a sentence and an exit status."""
    foreign = small.write(tmp_path / "en", small.files())
    for folder in (foreign, tmp_path / "nothing"):
        result = CliRunner().invoke(app, [str(tmp_path), "--bundle", str(folder)])
        assert result.exit_code == 1
        assert "error: " in result.output
        assert "Traceback" not in result.output
