"""`quietkeys bench manners` and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.manners.bench import Settings, run
from quietkeys_bench.manners.user import Outcome


def manners(
    tsv: Annotated[
        list[Path],
        typer.Option(help="Files with the columns kind, kept, context, typed, expected; more may follow"),
    ],
    json: Json,
    more: Annotated[list[Path] | None, typer.Argument(help="Further files of the same form")] = None,
    print_wrong: Annotated[
        bool, typer.Option("--show", help="Also print the rows that are wrong; they may be private")
    ] = False,
) -> None:
    """Measure what a keyboard must leave alone or put right, kind by kind of what people complain of."""
    with measuring() as tell:
        outcomes = run(Settings((*tsv, *(more or ()))), json, tell)
    console = Console()
    if print_wrong:
        show_wrong(console, outcomes)
    show(console, read_figures(json, "manners"))


def show(console: Console, figures: Figures) -> None:
    """Print a table of the kinds, and the longest calls."""
    title = f"{', '.join(one['file'] for one in figures['files'])}: {figures['n']} rows"
    shown = table(title, ("kind",), ("rows", "right", "not in the strip"))
    for row in (*figures["kinds"], {**figures, "kind": "all"}):
        shown.add_row(row["kind"], str(row["n"]), f"{row['right']:.0%}", str(row["not_in_strip"]))
    console.print(shown)
    longest = "; ".join(
        f"{name} {took['wall_ms']:.0f} ms, {took['processor_ms']:.0f} ms of a processor"
        for name, took in figures["longest"].items()
    )
    say(
        console,
        "right: a space leaves what is expected; not in the strip: corrections that are not shown",
        f"longest calls: {longest}",
        f"bundle {figures['bundle_version']}, level {figures['level']}, seed {figures['seed']},"
        f" {machine_of(figures)}",
    )


def show_wrong(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the rows that are wrong or whose correction is not in its strip. They may be private."""
    for one in outcomes:
        if not one.right or one.not_in_strip:
            row = one.row
            kept = "".join(f" {habit.word}*{habit.times}/{habit.sessions}" for habit in row.habits)
            said = (
                f"{row.kind}:{kept} {row.context!r} {row.typed!r} -> {one.text!r}, expected {row.expected!r}"
            )
            console.out(said + (" (not in the strip)" if one.not_in_strip else ""), highlight=False)
