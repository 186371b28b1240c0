"""Shows what the bench of autocorrect measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures


def show_autocorrect(console: Console, out: Path) -> None:
    """Print the scored rows corpus by corpus, and the peers that are missing."""
    figures = read_figures(out, "autocorrect")
    table = Table(
        title=f"bundle {figures['bundle_version']}, level {figures['level']}, seed {figures['seed']}"
    )
    for heading in ("corpus", "engine", "rows", "top-1", "top-3", "good words altered", "p50 ms", "p95 ms"):
        table.add_column(
            heading,
            justify="left" if heading in ("corpus", "engine") else "right",
            no_wrap=heading in ("corpus", "engine"),
        )
    for corpus in figures["corpora"]:
        for row in (row for row in figures["rows"] if row["corpus"] == corpus["corpus"]):
            shares = (f"{row[name]:.1%}" for name in ("top1", "top3", "harm"))
            times = (f"{row[name]:.2f}" for name in ("p50_ms", "p95_ms"))
            table.add_row(corpus["corpus"], row["engine"], str(row["n"]), *shares, *times)
        table.add_section()
    console.print(table)
    for peer in figures["missing_peers"]:
        console.print(f"{peer['name']} was not measured: {peer['reason']}.", highlight=False, markup=False)
