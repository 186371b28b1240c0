"""A built language on disk, so that the plan can be changed without reading the texts again."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from quietkeys.bundle.lexicon import WordTables

from .graph import LanguageParts
from .language import Language
from .lexicon import write_lexicon
from .quantize import Scale

ARRAYS = "language.npz"
LEXICON = "lexicon.txt"
NETWORK = "language.onnx"
FIGURES = "figures.json"
MISSPELT = "misspellings.tsv"


def save(language: Language, folder: Path) -> None:
    """Write a language to a folder, made if need be; it is there when ARRAYS is."""
    tables, parts = language.tables, language.parts
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(language.network)
    (folder / LEXICON).write_text(write_lexicon(language.display), encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(language.figures, indent=2, sort_keys=True) + "\n")
    (folder / MISSPELT).write_text("".join(f"{typed}\t{meant}\n" for typed, meant in language.misspelt))
    written = folder / f"new-{ARRAYS}"
    np.savez(
        written,
        log_frequency=tables.log_frequency,
        symbol=tables.symbol,
        offensive=tables.offensive,
        outside=tables.outside,
        capital=tables.capital,
        name_after=tables.name_after,
        spelling=parts.spelling,
        spelling_scale=np.array([parts.spelling_scale.high, parts.spelling_scale.step]),
        channel=parts.channel,
    )
    written.replace(folder / ARRAYS)


def is_kept(folder: Path) -> bool:
    """Return whether `save` has finished in a folder."""
    return (folder / ARRAYS).exists()


def load(folder: Path) -> Language:
    """Return the language that `save` wrote; raise OSError if a file is missing."""
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        tables = WordTables(**{table.name: arrays[table.name] for table in fields(WordTables)})
        high, step = (float(value) for value in arrays["spelling_scale"])
        parts = LanguageParts(arrays["spelling"], Scale(high, step), arrays["channel"])
    return Language(
        tuple((folder / LEXICON).read_text(encoding="utf-8").splitlines()),
        tables,
        (folder / NETWORK).read_bytes(),
        parts,
        json.loads((folder / FIGURES).read_text()),
        tuple(_pair(line) for line in (folder / MISSPELT).read_text().splitlines()),
    )


def _pair(line: str) -> tuple[str, str]:
    typed, meant = line.split("\t")
    return typed, meant
