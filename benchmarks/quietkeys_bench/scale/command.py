"""`quietkeys bench scale` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.scale.bench import REPEAT, VALUES, Settings, run


def scale(
    json: Annotated[Path, typer.Option(help="Where the figures go; one JSON per cell beside it")],
    values: Annotated[int, typer.Option(min=0, help="First so many values of each thing; 0: all")] = 0,
    repeat: Annotated[
        int, typer.Option(min=1, help="Jobs of a child after its first; medians count")
    ] = REPEAT,
) -> None:
    """Measure what a job costs by events, weights, steps, devices of a circle, threads and workers."""
    grows = {name: every[: values or None] for name, every in VALUES.items()}
    with measuring() as tell:
        run(Settings(values=grows, repeat=repeat), json, tell)
    show(Console(), read_figures(json, "scale"))


def show(console: Console, figures: Figures) -> None:
    """Print a row for every cell, and the lines through them."""
    shown = table(
        f"A job, {figures['mode']} mode, processor seconds",
        ("", ""),
        ("look-ups", "first", "next", "clock", "bare", "first/b", "next/b"),
    )
    before = ""
    for row in figures["series"]:
        name = row["variable"]
        times = ("cpu_seconds", "again_cpu_seconds", "again_seconds", "bare_seconds")
        shown.add_row(
            "" if name == before else name,
            str(row[name]),
            str(row["look_ups"]),
            *(f"{row[time]:.2f}" for time in times),
            *(f"{row[ratio]:.2f}" for ratio in ("over_bare", "again_over_bare")),
        )
        before = name
    console.print(shown)
    lines = table("What one more costs the next job", ("",), ("s", "s at none", "bare", "bare at none", "R2"))
    for fit in figures["fits"]:
        lines.add_row(
            fit["variable"],
            f"{fit['seconds_each']:.4f}",
            f"{fit['seconds_at_none']:.2f}",
            f"{fit['bare_each']:.2f}",
            f"{fit['bare_at_none']:.1f}",
            f"{fit['r2']:.3f}",
        )
    console.print(lines)
    base = ", ".join(f"{name} {value}" for name, value in figures["base"].items())
    say(
        console,
        "first: a job that starts its child and reads keys; next: one after it; clock: its seconds on the"
        " clock; bare: as many key switches and bootstraps of the same parameters, one thread; /b: over bare",
        f"base: {base}",
        machine_of(figures),
    )
