"""Shows what the bench of a circle measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures


def show_circle(console: Console, out: Path) -> None:
    """Print a row for every rung."""
    figures = read_figures(out, "circle")
    people = len(figures["people"])
    table = Table(
        title=f"{people} people on two devices each, {figures['mode']} mode, seeds {figures['seeds']}"
    )
    for heading in ("update", "words right", "nats per word"):
        table.add_column(heading, justify="left" if heading == "update" else "right")
    for row in figures["totals"]:
        right = f"{row['right'] / row['words']:.2%}"
        table.add_row(row["rung"], right, f"{row['log_likelihood']:.4f}")
    console.print(table)
    machine = figures["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, p_error {figures['p_error']:.1e}", highlight=False
    )
