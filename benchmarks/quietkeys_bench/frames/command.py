"""`quietkeys bench frames` and what it prints."""

from __future__ import annotations

from rich.console import Console

from quietkeys_bench.common.command import Json, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.frames.bench import LONG_MS, PHASES, run


def frames(json: Json) -> None:
    """Measure how long the keyboard's frames take while somebody types, also during a training."""
    with measuring() as tell:
        run(json, tell)
    show(Console(), read_figures(json, "frames"))


def show(console: Console, figures: Figures) -> None:
    """Print a row for each phase."""
    shown = table(
        f"Frames of {figures['size']} pixels, {figures['keys_per_second']:g} keys a second",
        ("while",),
        ("frames", "p50 ms", "p95 ms", "worst ms", f"over {LONG_MS:.0f} ms"),
    )
    for name in (*PHASES, *(f"{phase}_beside" for phase in PHASES)):
        row = figures[name]
        times = (f"{row['p50_ms']:.1f}", f"{row['p95_ms']:.1f}", f"{row['worst_ms']:.0f}")
        shown.add_row(name.replace("_beside", ", both sides"), str(row["frames"]), *times, str(row["long"]))
    console.print(shown)
    say(console, machine_of(figures))
