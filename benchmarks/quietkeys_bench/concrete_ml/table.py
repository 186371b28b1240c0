"""What `quietkeys bench peer` prints: ratios to quietkeys, and how well each learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures

_COSTS: Final = {
    "cpu_seconds_per_step": "CPU s / step",
    "cpu_seconds_per_sample_seen": "CPU s / sample",
    "key_bytes": "keys",
    "upload_bytes": "up",
    "download_bytes": "down",
}


def show_peer(console: Console, out: Path) -> None:
    """Print the ratios of a run, quietkeys being 1."""
    figures = read_figures(out, "peer")
    table = Table(title="Costs over those of quietkeys in the same run")
    for heading in ("trained", *_COSTS.values(), "p_error", "log-loss"):
        table.add_column(heading, justify="left" if heading == "trained" else "right")
    ratios = {row["name"]: row for row in figures["ratios"]}
    for row in figures["rows"]:
        if row["not_measured"] is not None:
            console.print(f"{row['name']}: {row['not_measured']}", highlight=False)
            continue
        costs = [f"{ratios[row['name']][cost]:.3g}" for cost in _COSTS]
        p_error = f"{row['p_error']:.1e}" if row["p_error"] else "none"
        table.add_row(row["name"], *costs, p_error, f"{row['log_loss']:.3f}")
    console.print(table)
    machine = figures["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores; times are of the processor",
        highlight=False,
    )
