"""Prints what autocorrect does at every certainty: `quietkeys.prediction.levels` are chosen by it.

    python tools/levels.py DATA_DIR [--bundle FOLDER]

DATA_DIR holds `text/`. Words of its held-out lines are typed with slips and misspellings added, or as they
are meant (`tools/model_build/noised.py`), and judged by the bundle's model for a user it does not know. A
second table is of words that the lexicon lacks, short ones and names (`tools/model_build/strangers.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys.bundle.bundle import Bundle, open_bundle, shipped_bundle
from quietkeys.prediction.levels import CERTAINTY, Level
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys_protocol.errors import QuietkeysError
from tools.model_build import noised, strangers
from tools.model_build.corpora import TrainingTextError
from tools.model_build.noised import LevelRow
from tools.model_build.strangers import StrangerRow

COUNT: Final = 12_000  # words; a share of one in a hundred good words is then known to a quarter of it
STRANGERS: Final = 2_000  # words of each trial
SEED: Final = 2  # another draw than the ranker was fitted to

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


def level_rows(bundle: Bundle, text: Path, count: int = COUNT, seed: int = SEED) -> list[LevelRow]:
    """Return what every certainty does to about `count` words of the folder's held-out lines.

    Raises TrainingTextError or OSError if a text is missing.
    """
    model = load_model(bundle)
    drawn = noised.samples(text, model.search.channel.shipped, count, seed)
    return noised.level_table(Predictor(model), drawn)


def table_of(rows: Sequence[LevelRow]) -> Table:
    """Return the rows as a table, the levels in use named beside their certainties."""
    names = {CERTAINTY[level]: level.value for level in Level}
    table = Table(title="words with noise added")
    for heading in ("words", "certainty", "level", "mistakes corrected", "good words altered"):
        table.add_column(heading, justify="left" if heading in {"words", "level"} else "right")
    for row in rows:
        where = f"{row.count:,} {'in context' if row.in_context else 'alone'}"
        shares = (f"{row.corrected:.1%}", f"{row.harm:.2%}")
        table.add_row(where, f"{row.certainty:.2f}", names.get(row.certainty, ""), *shares)
    return table


def strangers_table(rows: Sequence[StrangerRow]) -> Table:
    """Return what becomes of words that the lexicon lacks as a table."""
    table = Table(title="words that the lexicon lacks, at the normal level")
    for heading in ("words", "weighed", "slips put right", "meant words altered"):
        table.add_column(heading, justify="left" if heading in {"words", "weighed"} else "right")
    for row in rows:
        counted = f"{row.name}: {row.words:,} and {row.slips:,} slips"
        weighed = "warily" if row.warily else "as others"
        table.add_row(counted, weighed, f"{row.put_right:.1%}", f"{row.altered:.1%}")
    return table


@app.command()
def main(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder with text/")],
    bundle: Annotated[
        Path | None, typer.Option(help="folder of a signed bundle; the shipped one if not given")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="words that are typed, about")] = COUNT,
    seed: Annotated[int, typer.Option(min=0, help="of the choice of words and of the noise")] = SEED,
) -> None:
    """Print what every certainty corrects and alters: some minutes on one core."""
    try:
        opened = shipped_bundle() if bundle is None else open_bundle(bundle)
        rows = level_rows(opened, data / "text", count, seed)
        judge = Predictor(load_model(opened))
        strange = strangers.stranger_table(judge, data / "text", min(count, STRANGERS), seed)
    except (QuietkeysError, TrainingTextError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(table_of(rows))
    Console().print(strangers_table(strange))


if __name__ == "__main__":
    app()
