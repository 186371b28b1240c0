"""`quietkeys bench autocorrect` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.autocorrect.bench import ROWS, Settings, run
from quietkeys_bench.autocorrect.spellers.catalogue import PEERS, Texts
from quietkeys_bench.common.command import Json, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures


def autocorrect(
    tsv: Annotated[
        list[Path],
        typer.Option(help="Files with the columns typo, correct, context; .gz too; more may follow"),
    ],
    json: Json,
    more: Annotated[list[Path] | None, typer.Argument(help="Further files of the same form")] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also measure other spellers on the same rows")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each file at most")] = ROWS,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of rows")] = 0,
    text: Annotated[
        Path | None, typer.Option(help="Folder of texts that JamSpell's model is trained on; with --peers")
    ] = None,
) -> None:
    """Measure mistakes corrected and good words left alone, beside the spellers that people use today."""
    with measuring() as tell:
        settings = Settings((*tsv, *(more or ())), rows, seed, PEERS if peers else (), Texts(text))
        run(settings, json, tell)
    show(Console(), read_figures(json, "autocorrect"))


def show(console: Console, figures: Figures) -> None:
    """Print a table of the scored rows of every corpus, and the peers that are missing."""
    for corpus in figures["corpora"]:
        own = [row for row in figures["rows"] if row["corpus"] == corpus["corpus"]]
        shown = table(
            f"{corpus['corpus']}: {own[0]['n']} mistakes",
            ("engine",),
            ("top-1", "top-3", "altered", "p50 ms", "p95 ms"),
        )
        for row in own:
            shares = (f"{row[name]:.1%}" for name in ("top1", "top3", "harm"))
            times = (f"{row[name]:.2f}" for name in ("p50_ms", "p95_ms"))
            shown.add_row(row["engine"], *shares, *times)
        console.print(shown)
    say(
        console, *(f"{peer['name']} was not measured: {peer['reason']}." for peer in figures["missing_peers"])
    )
    say(
        console,
        "top-1, top-3: mistakes set right by a space, and in the strip; altered: good words that a space"
        " alters",
        f"bundle {figures['bundle_version']}, level {figures['level']}, seed {figures['seed']},"
        f" {machine_of(figures)}",
    )
