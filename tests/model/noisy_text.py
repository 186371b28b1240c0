"""A folder of texts in the form of the real ones, of the words of the small bundle."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.sdk import small
from tools.model_build import corpora

LINES = 60  # held out, of each corpus


def write(folder: Path) -> Path:
    """Write a text per corpus into a new folder; return it. Half of the words are "there"."""
    folder.mkdir()
    for seed, corpus in enumerate(corpora.CORPORA):
        lines = [line.replace(" ", " there ") for line in small.text(seed, LINES)]
        spaced = ("\n" * corpora.HELD_OUT_EVERY).join(lines)
        path = folder / corpus.pattern.replace("*", "made_up")
        path.write_bytes(gzip.compress(spaced.encode()))
    return folder
