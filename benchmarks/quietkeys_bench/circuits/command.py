"""`quietkeys bench circuits` and what it prints."""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.circuits.bench import TRIALS, run
from quietkeys_bench.common.command import machine_of, measuring, say, table, whole_numbers
from quietkeys_bench.common.figures import Figures, read_figures


def circuits(
    json: Annotated[Path, typer.Option(help="Where the figures go; what is there is not measured again")],
    seeds: Annotated[str, typer.Option(help="Of the made-up people, one run each")] = "0,1",
    limit: Annotated[int, typer.Option(min=0, help="First so many circuits; 0: all")] = 0,
) -> None:
    """Measure what a plan's sizes cost under encryption, and how close it comes to the integer reference."""
    with measuring() as tell:
        run(TRIALS[: limit or None], whole_numbers(seeds), json, tell)
    show(Console(), read_figures(json, "circuits"))


def show(console: Console, figures: Figures) -> None:
    """Print a row for every circuit: what it is, then what it costs and how exact it is."""
    shown = table(
        f"Made-up blocks, {figures['mode']} mode, seeds {figures['seeds']}",
        (),
        ("events", "z", "planes", "reach", "sources", "p_error", "tables", "ms", "MB", "L2"),
    )
    for row in figures["circuits"]:
        sizes = (str(row[name]) for name in ("events", "z_bits", "planes", "reach", "sources"))
        costs = (f"{row['cpu_ms_per_look_up']:.0f}", f"{row['key_bytes'] / 1e6:.0f}")
        p_error = f"2^{log2(row['p_error']):.0f}"
        shown.add_row(*sizes, p_error, str(row["look_ups"]), *costs, f"{max(row['relative_l2']):.3f}")
    console.print(shown)
    say(
        console,
        "z: its bits; tables: look-ups; ms: of the processor for a look-up; MB: evaluation keys; L2: of z"
        " against the integer reference, the worst of the seeds",
        machine_of(figures),
    )
