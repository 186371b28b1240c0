"""`quietkeys bench ibus` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, Limit, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.texts import find_people, spread
from quietkeys_bench.ibus.bench import Settings, run


def ibus(
    json: Json,
    people: Annotated[
        Path | None, typer.Option(help="Folder of *.txt or *.txt.gz: also what is saved and put right")
    ] = None,
    limit: Limit = 0,
    words: Annotated[int, typer.Option(min=20, help="Typed in each window")] = 60,
    repeat: Annotated[int, typer.Option(min=1, help="Of each method, in turn")] = 2,
    tried: Annotated[int, typer.Option(min=100, help="Words of each person, learnt and tested")] = 3000,
) -> None:
    """Measure the input method on a desktop beside none and beside ibus-typing-booster."""
    with measuring() as tell:
        chosen = spread(find_people(people), limit) if people is not None else []
        run(Settings(words, repeat, chosen, tried), json, tell)
    show(Console(), read_figures(json, "ibus"))


def show(console: Console, figures: Figures) -> None:
    """Print times, and what is saved and put right."""
    times = table(
        f"Keys every {figures['key_ms']} ms, {figures['words']} words, {figures['repeat']} times",
        ("through", "in"),
        ("keys", "p50 ms", "p95 ms", "strips", "p50 ms", "p95 ms"),
    )
    for row in figures["methods"]:
        strips = (row["strip_p50_ms"], row["strip_p95_ms"])
        times.add_row(
            row["method"],
            row["toolkit"],
            str(row["keys"]),
            f"{row['p50_ms']:.1f}",
            f"{row['p95_ms']:.1f}",
            str(row["strips"]),
            *("-" if one is None else f"{one:.1f}" for one in strips),
        )
    console.print(times)
    if figures["strips"]:
        saved = table(
            f"{len(figures['people'])} people, {figures['words_limit']} words each, 30 % tested",
            ("engine",),
            ("keys saved", "put right", "first", "offered", "altered"),
        )
        for row in figures["strips"]:
            names = ("keystrokes_saved", "put_right", "first", "offered")
            shares = (f"{row[name]:.1%}" for name in names)
            saved.add_row(row["engine"], *shares, f"{row['good_altered']:.2%}")
        console.print(saved)
    say(
        console,
        "keys: until the application shows something; strips: until a strip is told",
        f"load {figures['load_before']:.1f} before, {figures['load_after']:.1f} after the keys",
        f"IBus {figures['ibus']}, ibus-typing-booster {figures['booster']}",
        machine_of(figures),
    )
