"""Shows what the bench of a service measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures


def show_service(console: Console, out: Path) -> None:
    """Print the figures in a file."""
    figures = read_figures(out, "service")
    table = Table(title=f"{figures['devices']} devices, {figures['at_once']} at once, {figures['plan']} plan")
    for heading in ("route", "requests", "p50 ms", "p95 ms"):
        table.add_column(heading, justify="left" if heading == "route" else "right")
    for route, row in figures["routes"].items():
        table.add_row(route, str(row["requests"]), f"{row['p50_ms']:.0f}", f"{row['p95_ms']:.0f}")
    console.print(table)
    console.print(
        f"all but the key upload: p50 {figures['api_p50_ms']:.0f} ms, p95 {figures['api_p95_ms']:.0f} ms,"
        f" p99 {figures['api_p99_ms']:.0f} ms; {figures['jobs_per_minute']:.1f} jobs a minute;"
        f" {figures['lost']} lost, {figures['duplicated']} duplicated",
        highlight=False,
    )
    machine = figures["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {figures['workers']} workers", highlight=False
    )
