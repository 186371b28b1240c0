"""What the commands share: options, how far a run is, errors in a sentence, tables that fit in 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.figures import Tell
from quietkeys_bench.common.misspellings import Half
from quietkeys_protocol.errors import QuietkeysError

FAILED: Final = 2  # exit status

People = Annotated[Path, typer.Option(help="Folder of *.txt or *.txt.gz, one message a line in time order")]
Json = Annotated[Path, typer.Option(help="Where the figures go")]
JsonAndCells = Annotated[Path, typer.Option(help="Where the figures go; one JSON per person beside it")]
MisspellingLists = Annotated[
    list[Path] | None,
    typer.Option(
        "--misspellings", help="Files with the columns typo, correct: people misspell too; repeatable"
    ),
]
HalfOfLists = Annotated[
    Half, typer.Option("--half", help="Of the lists: one chooses parameters, the other is reported")
]
Frozen = Annotated[bool, typer.Option("--frozen", help="Local memory learns nothing while it is tested")]
Limit = Annotated[int, typer.Option(min=0, help="First so many people, of every kind in turn; 0: all")]
Words = Annotated[int, typer.Option(min=0, help="At most so many words of each person; 0: all")]


@contextmanager
def measuring() -> Iterator[Tell]:
    """Yield what shows how far a run is, on stderr; what a user can mend ends in a sentence and a status."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        plain_errors(),
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("starting", total=None)

        def tell(done: int, total: int, name: str) -> None:
            progress.update(task, completed=done, total=total, description=name)

        yield tell


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what a user can mend into a sentence and an exit status."""
    try:
        yield
    except (QuietkeysError, DemoFailed, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or type(error).__name__}: {error.filename or 'a file'}")
    except KeyboardInterrupt:
        _fail("Stopped. The same command goes on from here.")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"quietkeys bench: {sentence}")
    raise typer.Exit(FAILED)


def whole_numbers(listed: str) -> list[int]:
    """Return the seeds in a list such as 0,1,2. Raises ValueError unless they are distinct, from 0."""
    numbers = [int(part) for part in listed.split(",")]
    if len(set(numbers)) != len(numbers) or min(numbers) < 0:
        raise ValueError(f"{listed} is no list of distinct whole numbers from 0")
    return numbers


def table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table: columns of words first, aligned left, then columns of numbers, aligned right.

    No cell is ever wrapped, so what does not fit in 80 columns is cut off: a test measures every table.
    """
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in words:
        made.add_column(heading, no_wrap=True)
    for heading in numbers:
        made.add_column(heading, justify="right", no_wrap=True)
    return made


def facts(title: str, rows: Mapping[str, str]) -> Table:
    """Return a table of single figures by name."""
    made = table(title, ("",), ("",))
    made.show_header = False
    for name, figure in rows.items():
        made.add_row(name, figure)
    return made


def say(console: Console, *lines: str) -> None:
    """Print sentences below a table, wrapped at words."""
    for line in lines:
        console.print(line, highlight=False, markup=False)


def machine_of(figures: Mapping[str, Any]) -> str:
    """Return what figures were measured on, and with which error probability where one is known."""
    machine = figures["machine"]
    said = f"{machine['cpu']}, {machine['cores']} cores"
    return f"{said}, p_error {figures['p_error']:.1e}" if figures.get("p_error") else said
