"""Shows what `quietkeys bench quantization` found: a table for every block and grouping of its events."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.figures import read_figures

_HEADINGS: Final = (
    "planes",
    "steps",
    "reach",
    "look-ups",
    "float removes",
    "kept, errors",
    "kept, likelihood",
    "noise, L2",
    "slope",
    "check",
)


def show_quantization(console: Console, out: Path) -> None:
    """Print the rows of every block, and the shipped blocks together."""
    figures = read_figures(out, "quantization")
    for title in dict.fromkeys(map(_title, figures["rows"])):
        table = Table(title=title)
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading == "check" else "right")
        for row in figures["rows"]:
            if _title(row) == title:
                table.add_row(*_cells(row), style="bold" if row["shipped"] else "")
        console.print(table)
    together = figures["together"]
    removed = together["errors_removed"]
    console.print(f"{len(figures['people'])} people, clear mode, seeds {figures['seeds']}", highlight=False)
    console.print(
        f"together: float removes {removed['float']:.1%} of the errors that local memory leaves,"
        f" integers {removed['reference']:.1%}, with noise {removed['noisy']:.1%};"
        f" kept of the likelihood {_share(together['log_likelihood_kept']['reference'])};"
        f" best candidate unchanged by noise {together['same_best']:.2%}",
        highlight=False,
    )


def _title(row: dict[str, Any]) -> str:
    return f"{row['block']}: {row['events']} events, {row['grouping']}"


def _cells(row: dict[str, Any]) -> list[str]:
    gains = " ".join(map(str, row["gains"])) if row["schedule"] != "plain" else f"{row['steps']} plain"
    known = [str(row["planes"]), gains, f"{row['z_reach']:g}", str(row["look_ups"])]
    check = "" if row["refused"] is None else "refused"
    if row["gain"] is None:
        return [*known, "", "", "", "", "", check]
    gain, agreement = row["gain"], row["agreement"]
    return [
        *known,
        f"{gain['errors_removed']['float']:.1%}",
        _share(gain["errors_kept"]["reference"]),
        _share(gain["log_likelihood_kept"]["reference"]),
        f"{agreement['relative_l2']:.3f}",
        f"{agreement['slope']:.2f}",
        check,
    ]


def _share(kept: float | None) -> str:
    return "" if kept is None else f"{kept:.0%}"
