"""`quietkeys bench latency`: what is typed, how figures come from times, and one small run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from quietkeys_bench.cli import app
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.processes import ChildFailed
from quietkeys_bench.common.texts import CONTEXT_WORDS, LONG, long_words, ordinary, slipped
from quietkeys_bench.latency import bench as latency
from quietkeys_bench.latency.bench import Settings, figures, libraries_of
from tests.bench.keyboards import ignore, small_keyboards


def test_long_words_are_typed_after_twenty_others_with_a_slip_and_without() -> None:
    """Every word once, so that no answer is remembered from the time before."""
    found = long_words()
    assert {len(one.word) for one in found} == {LONG}
    assert {len(one.context.split()) for one in found} == {CONTEXT_WORDS}
    assert len({one.word for one in found}) == len(found) >= 50
    assert slipped("subscription") == "subscirption"
    assert all("\n" not in one.line() and one.line().count("\t") == 1 for one in found)


def test_ordinary_words_are_of_any_length() -> None:
    """In the order of the text, short ones as often as people write them."""
    found = ordinary(200)
    assert len(found) == 200
    assert {1, 2, 3} <= {len(one.word) for one in found}
    assert max(len(one.word) for one in found) <= LONG


def test_figures_of_children() -> None:
    """Opening and memory are medians; the budgeted times are those of the last key of long words."""
    children = [
        {
            "import_s": 0.2 * factor,
            "open_s": 0.1,
            "first_suggest_s": 0.05,
            "resident_bytes": 50_000_000 * factor,
            "modules": ["sys", "torch.nn", "numpy"],
            "load": 0.5 * factor,
            "keystrokes_ms": [[1.0, 2.0], [3.0, 4.0, 5.0 * factor]],
            "keystrokes_cpu_ms": [[1.0, 2.0], [3.0, 4.0, 4.0 * factor]],
            "records_ms": [3.0, 5.0 * factor],
            "records_cpu_ms": [2.0, 2.0 * factor],
        }
        for factor in (1, 2, 3)
    ]
    found = figures(children, 1, 10_000_000.0, 40_000_000.0)
    assert found["open_s"] == pytest.approx(0.55)
    assert found["added_rss_bytes"] == 90_000_000
    assert found["modules"] == 3
    assert found["heavy_modules"] == ["torch"]
    assert found["library_rss_bytes"] == 30_000_000
    assert (found["suggest_p50_ms"], found["suggest_p50_cpu_ms"]) == (10.0, 8.0)
    assert (found["record_p50_ms"], found["record_p50_cpu_ms"]) == (4.0, 2.0)
    assert found["load"] == 1.5
    calls = ("suggest_calls", "all_keystrokes_calls", "record_calls")
    assert [found[name] for name in calls] == [3, 15, 6]


def test_libraries_are_neither_pythons_nor_ours() -> None:
    """By package, each once."""
    loaded = [
        "sys",
        "os.path",
        "numpy.linalg",
        "numpy",
        "quietkeys.api",
        "quietkeys_protocol",
        "_cffi_backend",
    ]
    assert libraries_of(loaded) == ["numpy"]


def test_a_small_run_has_its_form(tmp_path: Path) -> None:
    """A fresh interpreter that loads nothing heavy, and takes memory and time."""
    out = tmp_path / "latency.json"
    latency.run(Settings(1, 5, 4), out, ignore, small_keyboards(tmp_path))
    tree = read_figures(out, "latency")
    assert tree["heavy_modules"] == []
    assert tree["modules"] > 50
    assert tree["suggest_calls"] == 4
    assert 0 < tree["suggest_p50_ms"] <= tree["suggest_p95_ms"]
    assert tree["added_rss_bytes"] > tree["library_rss_bytes"] > 10_000_000
    assert tree["record_calls"] == 9
    assert 0 < tree["record_p50_ms"] <= tree["record_p95_ms"]
    assert tree["record_p95_cpu_ms"] > 0
    assert 0 < tree["open_parts_s"]["import"] < tree["open_s"] < 30


def test_a_child_that_fails_is_said_plainly(tmp_path: Path) -> None:
    """Without the traceback of another process."""
    keyboards = small_keyboards(tmp_path)
    wrong = type(keyboards)(keyboards.folder, (bytes(32),))
    with pytest.raises(ChildFailed, match="measured process failed"):
        latency._child(wrong, [])


def test_the_command_measures_the_shipped_bundle(tmp_path: Path) -> None:
    """Figures in their form, and lines on the screen."""
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["latency", "--repeat", "1", "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert read_figures(out, "latency")["heavy_modules"] == []
    assert "12-letter word" in result.output
