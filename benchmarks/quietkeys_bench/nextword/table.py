"""Shows what the bench of the next word measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures


def show_nextword(console: Console, out: Path) -> None:
    """Print the figures of every kind of people and of all, and the perplexities."""
    figures = read_figures(out, "nextword")
    table = Table(title=f"bundle {figures['bundle_version']}, no mistakes, nothing learnt while testing")
    for heading in ("people", "engine", "rung", "words", "top-1", "top-3", "keystrokes saved"):
        table.add_column(heading, justify="left" if heading in ("people", "engine", "rung") else "right")
    for row in [*figures["groups"], *(row | {"kind": "all"} for row in figures["rows"])]:
        shares = (f"{row[name]:.1%}" for name in ("top1", "top3", "keystrokes_saved"))
        table.add_row(
            f"{row['people']} {row['kind']}", row["engine"], row["rung"], str(row["words"]), *shares
        )
    console.print(table)
    for row in figures["perplexities"]:
        console.print(
            f"{row['engine']}: perplexity {row['perplexity']:.1f} of {row['words']} words", highlight=False
        )
