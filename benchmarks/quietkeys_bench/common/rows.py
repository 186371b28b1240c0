"""Tables that a bench is given: UTF-8, plain or `.gz`, a header, a row a line, columns split by tabs."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Rows = TypeVar("Rows")


class RowsUnreadable(ValueError):  # noqa: N818 - what happened
    """A file of rows has another form. Says which file and line, and holds none of its text."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        """line: from 1; 0 for the file as a whole."""
        self.line = line
        place = f"{path.name}, line {line}" if line else path.name
        super().__init__(f"{place}: {problem}")


def corpus_name(path: Path) -> str:
    """Return the name of a file without `.tsv` or `.tsv.gz`."""
    return path.name.removesuffix(".gz").removesuffix(".tsv")


def by_corpus(files: Sequence[Path], read: Callable[[Path], Rows]) -> dict[str, Rows]:
    """Return what `read` makes of each file, by `corpus_name`; raise ValueError for none or two of a name."""
    found = {corpus_name(path): read(path) for path in files}
    if not found or len(found) != len(files):
        raise ValueError("give at least one --tsv, and no two files of the same name")
    return found


def read_table(path: Path, columns: Sequence[str], least: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return the number of every line that is not empty, and what its columns hold.

    columns: the header. least: columns that a row must have; those missing after them are empty. Raises
    OSError; RowsUnreadable for another form, a file without rows included.
    """
    lines = _content(path).split(b"\n")
    if tuple(_text(path, 1, lines[0]).split("\t")) != tuple(columns):
        said = ", ".join(columns)
        raise RowsUnreadable(path, 1, f"the header is not the columns {said}, split by tabs")
    rows = [
        (number, _split(path, number, _text(path, number, line), len(columns), least))
        for number, line in enumerate(lines[1:], 2)
        if line.strip()
    ]
    if not rows:
        raise RowsUnreadable(path, 0, "there is no row under the header")
    return rows


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RowsUnreadable(path, 0, "it is not a whole gzip file") from error


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise RowsUnreadable(path, number, "it is not UTF-8") from error


def _split(path: Path, number: int, line: str, most: int, least: int) -> tuple[str, ...]:
    found = line.split("\t")
    if not least <= len(found) <= most:
        raise RowsUnreadable(path, number, f"{len(found)} columns where {most} belong")
    return (*found, *[""] * (most - len(found)))
