"""`quietkeys bench keys` and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.keys.bench import FIGURES, RUNS, Settings, run


def keys(json: Json, runs: Annotated[int, typer.Option(min=1, help="Of each maker")] = RUNS) -> None:
    """Measure keys and a first report by the device and by Concrete's client: ratios of one run."""
    with measuring() as tell:
        run(Settings(runs), json, tell)
    show(Console(), read_figures(json, "keys"))


def show(console: Console, figures: Figures) -> None:
    """Print a row for each figure."""
    shown = table(f"Medians of {figures['runs']} runs", ("",), ("ours", "Concrete", "ratio"))
    for name in FIGURES:
        row = [_shown(name, figures[maker][name]) for maker in ("ours", "concrete")]
        shown.add_row(name.replace("_", " "), *row, f"{figures['ours_over_concrete'][name]:.2f}")
    console.print(shown)
    say(
        console, machine_of(figures), "Seconds of the processor; of a first report, from its process's start."
    )


def _shown(name: str, figure: float) -> str:
    return f"{figure / 1e6:.0f} MB" if name.endswith("bytes") else f"{figure:.2f} s"
