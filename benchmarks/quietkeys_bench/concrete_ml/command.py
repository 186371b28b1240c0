"""`quietkeys bench peer` and what it prints: ratios to quietkeys, and how well each learnt."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.concrete_ml.bench import Settings, run

_COSTS: Final = {  # heading by figure
    "cpu_seconds_per_step": "step",
    "cpu_seconds_per_sample_seen": "sample",
    "key_bytes": "keys",
    "upload_bytes": "up",
    "download_bytes": "down",
}


def peer(
    json: Json,
    seed: Annotated[int, typer.Option(min=0, help="Of the made-up task")] = 0,
    steps: Annotated[int, typer.Option(min=1, max=100, help="Of Concrete ML at its default p_error")] = 2,
    strict_limit: Annotated[
        float, typer.Option(min=0, help="Seconds for Concrete ML at 2^-40, one step; 0: compile only")
    ] = 0.0,
) -> None:
    """Train the same regression in the clear, by quietkeys and by Concrete ML: ratios of one run."""
    with measuring() as tell:
        run(Settings(seed, steps, strict_limit), json, tell)
    show(Console(), read_figures(json, "peer"))


def show(console: Console, figures: Figures) -> None:
    """Print the ratios of a run, quietkeys being 1."""
    shown = table(
        "Costs over those of quietkeys in the same run",
        ("trained",),
        (*_COSTS.values(), "p_error", "loss"),
    )
    ratios = {row["name"]: row for row in figures["ratios"]}
    missing = [row for row in figures["rows"] if row["not_measured"] is not None]
    for row in figures["rows"]:
        if row in missing:
            continue
        costs = [_ratio(ratios[row["name"]][cost]) for cost in _COSTS]
        p_error = f"{row['p_error']:.1e}" if row["p_error"] else "none"
        shown.add_row(row["name"], *costs, p_error, f"{row['log_loss']:.3f}")
    console.print(shown)
    say(console, *(f"{row['name']}: {row['not_measured']}" for row in missing))
    say(console, "step, sample: seconds of the processor for a step, and for a sample seen; loss: log-loss")
    say(console, machine_of(figures))


def _ratio(ratio: float) -> str:
    return f"{ratio:.1g}" if ratio < 0.1 else f"{ratio:.3g}"
