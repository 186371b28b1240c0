"""The training texts: which files, how much each counts, and which lines are held out.

A corpus is one origin; the CRD3 speakers are one corpus in several files. Weights multiply the counts that
the lexicon is ordered by, so that the way people type outweighs the sheer volume of transcribed games and
scripted task dialogue; how often the network reads each is `neural.text.PASSES`.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_EVERY = 100  # lines; 1 % of each file, for figures and shares
NICKNAMED = "irc"  # the corpus whose lines begin with the addressee's nickname


@dataclass(frozen=True, slots=True)
class Corpus:
    """One origin of text.

    weight: what one occurrence counts for. target: how like everyday typing the text is, as its share of what
    is typed. edited: whether somebody proofread it, so that what occurs there is hardly ever a typing error.
    """

    name: str
    pattern: str
    weight: float
    target: float
    edited: bool


# Weights: coordinate search on the held-out lines, with a trigram model; targets: judgement.
CORPORA = (
    Corpus("tatoeba", "tatoeba_en.txt.gz", 4.0, 0.25, True),
    Corpus("topical", "topical_chat_validtest.txt.gz", 3.0, 0.25, False),
    Corpus("irc", "irc_rest.txt.gz", 1.5, 0.20, False),
    Corpus("crd3", "crd3_*.txt.gz", 1.0, 0.20, True),
    Corpus("sgd", "sgd_dialogue.txt.gz", 0.5, 0.05, True),
    Corpus("taskmaster", "taskmaster4.txt.gz", 2.0, 0.05, False),
)


class TrainingTextError(Exception):
    """The folder of training text lacks a file that the build needs."""


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text file, gzip or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        return stream.read().split("\n")


def corpus_files(folder: Path, corpus: Corpus) -> list[Path]:
    """Return the files of a corpus in name order; raise TrainingTextError if there is none."""
    files = sorted(folder.glob(corpus.pattern))
    if not files:
        raise TrainingTextError(f"no file {corpus.pattern} in the training text folder {folder}")
    return files


def corpus_lines(folder: Path, corpus: Corpus) -> tuple[list[str], list[str]]:
    """Return (training lines, held-out lines) of one corpus."""
    train: list[str] = []
    held_out: list[str] = []
    for path in corpus_files(folder, corpus):
        for number, line in enumerate(read_lines(path)):
            (held_out if number % HELD_OUT_EVERY == 0 else train).append(line)
    return train, held_out
