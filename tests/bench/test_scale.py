"""`quietkeys bench scale`: which cells there are, the lines through them, and one small cell for real."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from quietkeys_bench.common.figures import cells_folder, read_figures
from quietkeys_bench.scale.bench import VALUES, Settings, Setup, fits, run
from tests.bench.apart import apart
from tests.bench.keyboards import ignore

SMALL = Settings(Setup(events=4, weights=2), {"events": (4, 8), "steps": (2, 3)}, repeat=1)


def row(setup: Setup, again_s: float = 1.0, bare_s: float = 0.5) -> dict[str, Any]:
    """A row of a setup that nobody measured."""
    look_ups = setup.events * setup.steps
    counts = ("polynomial_size", "bootstrap_levels", "small_dimension", "keys_bytes", "report_bytes")
    return {
        **asdict(setup),
        **dict.fromkeys(counts, 1),
        "look_ups": look_ups,
        "cpu_seconds": 2 * again_s,
        "start_seconds": 0.1,
        "keys_seconds": 0.1,
        "again_cpu_seconds": again_s,
        "again_seconds": again_s,
        "peak_rss_bytes": 1,
        "bare_seconds": bare_s,
        "over_bare": 2 * again_s / bare_s,
        "again_over_bare": again_s / bare_s,
        "load_before": 0.0,
        "relative_l2": 0.1,
    }


class Noted:
    """Measures by noting what it was asked for; it is stopped after so many cells."""

    def __init__(self, most: int = 100) -> None:
        self.most, self.setups = most, list[Setup]()

    def __call__(self, setup: Setup, repeat: int, folder: Path) -> dict[str, Any]:
        """Return a row."""
        if len(self.setups) == self.most:
            raise KeyboardInterrupt
        self.setups.append(setup)
        return row(setup)


def test_one_thing_grows_at_a_time() -> None:
    """In every cell but one thing is as in the base, and the base itself is in every series."""
    base = asdict(Setup())
    for variable, setup in Settings().setups():
        assert {name for name, value in asdict(setup).items() if value != base[name]} <= {variable}
    assert all(base[name] in values for name, values in VALUES.items())


def test_a_sweep_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """Cells that are there are not measured again, and the base is measured once for all series."""
    out, first, second, third = tmp_path / "scale.json", Noted(1), Noted(), Noted()
    with pytest.raises(KeyboardInterrupt):
        run(SMALL, out, ignore, first)
    assert not out.exists()
    run(SMALL, out, ignore, second)
    assert len(first.setups + second.setups) == len(set(first.setups + second.setups)) == 3
    run(SMALL, out, ignore, third)
    assert third.setups == []
    series = read_figures(out, "scale")["series"]
    assert [(one["variable"], one["events"], one["steps"]) for one in series] == [
        ("events", 4, 2),
        ("events", 8, 2),
        ("steps", 4, 2),
        ("steps", 4, 3),
    ]


def test_cells_of_another_number_of_jobs_are_measured_again(tmp_path: Path) -> None:
    """What was a median of one is none of three."""
    out, again = tmp_path / "scale.json", Noted()
    run(SMALL, out, ignore, Noted())
    run(Settings(SMALL.base, SMALL.values, repeat=3), out, ignore, again)
    assert len(again.setups) == 3
    assert len(list(cells_folder(out).iterdir())) == 3


def test_lines_are_through_what_was_measured() -> None:
    """In seconds, and in bare bootstraps of each cell's own parameters; threads have none."""
    series = [
        {"variable": "events", **row(Setup(events=events), again_s=0.5 + 0.1 * events, bare_s=events * 0.2)}
        for events in (8, 16, 32)
    ]
    threads = [{"variable": "threads", **row(Setup(threads=threads))} for threads in (1, 2)]
    (line,) = fits([*series, *threads])
    assert line["variable"] == "events"
    assert line["seconds_each"] == pytest.approx(0.1)
    assert line["seconds_at_none"] == pytest.approx(0.5)
    assert line["bare_each"] == pytest.approx(1.0)  # two look-ups of 0.1 s for each event take 0.1 s
    assert line["bare_at_none"] == pytest.approx(5.0)
    assert line["r2"] == pytest.approx(1.0)


@pytest.mark.fhe
def test_a_small_cell(tmp_path: Path) -> None:
    """Two devices' reports, two jobs at once: more than bare look-ups take, and the right weights."""
    out = tmp_path / "scale.json"
    base = Setup(events=4, weights=2, sources=2, workers=2)
    apart(run, Settings(base, {"events": (4,)}, repeat=1), out, ignore)
    (found,) = read_figures(out, "scale")["series"]
    assert found["look_ups"] == 8
    assert found["over_bare"] > found["again_over_bare"] > 0.5
    assert found["cpu_seconds"] > found["start_seconds"] + found["keys_seconds"]
    assert found["relative_l2"] < 0.8
