"""`quietkeys bench nextword` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.command import (
    Json,
    Limit,
    MisspellingLists,
    People,
    Words,
    machine_of,
    measuring,
    say,
    table,
)
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.misspellings import Half, read_misspellings
from quietkeys_bench.common.texts import find_people, spread
from quietkeys_bench.nextword.bench import KEYSTROKE_WORDS, Settings, run
from quietkeys_bench.nextword.strips import BASE, LOCAL, OURS


def nextword(
    people: People,
    json: Json,
    perplexity: Annotated[
        Path | None, typer.Option(help="A text, .gz too, one message a line: perplexity per word of it")
    ] = None,
    limit: Limit = 0,
    words: Words = 0,
    keystroke_words: Annotated[
        int, typer.Option(min=1, help="Tested words of each person that are written key by key")
    ] = KEYSTROKE_WORDS,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of those words")] = 0,
    misspellings: MisspellingLists = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes")] = 1,
) -> None:
    """Measure how often the next word is offered and the keys that saves, beside a trigram model."""
    with measuring() as tell:
        chosen = spread(find_people(people), limit)
        known = read_misspellings(misspellings or (), Half.ALL)
        settings = Settings(chosen, words, keystroke_words, seed, perplexity, known)
        run(settings, json, tell, jobs=jobs)
    show(Console(), read_figures(json, "nextword"))


def show(console: Console, figures: Figures) -> None:
    """Print the figures of every kind of people and of all, and the perplexities."""
    shown = table(
        f"Bundle {figures['bundle_version']}, no mistakes, every word offered and then learnt",
        ("people", "engine", "rung"),
        ("words", "top-1", "top-3", "keys saved", "nats"),
    )
    for row in [*figures["groups"], *(row | {"kind": "all"} for row in figures["rows"])]:
        shares = (f"{row[name]:.1%}" for name in ("top1", "top3", "keystrokes_saved"))
        shown.add_row(
            f"{row['people']} {row['kind']}",
            row["engine"],
            row["rung"],
            str(row["words"]),
            *shares,
            f"{row['log_likelihood']:.3f}",
        )
    console.print(shown)
    console.print(_people(figures))
    say(
        console,
        *(
            f"{row['engine']}: perplexity {row['perplexity']:.1f} of {row['words']} words"
            for row in figures["perplexities"]
        ),
        "nats: log-likelihood of a word, base and local memory alone; higher is better",
        "top-1, top-3: the word is the first in the strip, or in it before a letter is typed",
        machine_of(figures),
    )


def _people(figures: Figures) -> Table:
    # What learning gives to each person: points, and nats a word, against the base model.
    found = {(row["name"], row["rung"]): row for row in figures["people"] if row["engine"] == OURS}
    shown = table("Local learning against base", ("person",), ("words", "top-1", "top-3", "nats"))
    for name in sorted({name for name, _ in found}):
        base, local = found[name, BASE], found[name, LOCAL]
        points = (f"{100.0 * (local[one] - base[one]):+.1f}" for one in ("top1", "top3"))
        nats = local["log_likelihood"] - base["log_likelihood"]
        shown.add_row(name, str(base["words"]), *points, f"{nats:+.3f}")
    return shown
