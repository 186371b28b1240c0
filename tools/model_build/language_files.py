"""A built language on disk, so that the plan can be changed without scrubbing the texts again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .graph import LanguageParts
from .hash_table import HashTable
from .language import Language
from .lexicon import write_lexicon
from .ngram import NgramTables
from .quantize import Scale

ARRAYS = "language.npz"
LEXICON = "lexicon.txt"
FIGURES = "figures.json"


def save(language: Language, folder: Path) -> None:
    """Write a language to a folder, made if need be."""
    tables, parts = language.parts.ngram, language.parts
    folder.mkdir(parents=True, exist_ok=True)
    scales = (tables.probability_scale, tables.backoff_scale, parts.spelling_scale)
    np.savez(
        folder / ARRAYS,
        unigram=tables.unigram,
        unigram_backoff=tables.unigram_backoff,
        bigram=tables.bigram.slots,
        bigram_primes=np.array(tables.bigram.primes),
        bigram_backoff=tables.bigram_backoff,
        trigram=tables.trigram.slots,
        trigram_primes=np.array(tables.trigram.primes),
        scales=np.array([(scale.high, scale.step) for scale in scales]),
        spelling=parts.spelling,
        channel=parts.channel,
        log_frequency=language.log_frequency,
    )
    (folder / LEXICON).write_text(write_lexicon(language.words), encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(language.figures, indent=2, sort_keys=True) + "\n")


def load(folder: Path) -> Language:
    """Return the language that `save` wrote; OSError if a file is missing."""
    words = tuple((folder / LEXICON).read_text(encoding="utf-8").splitlines())
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        probability, backoff, spelled = (Scale(float(high), float(step)) for high, step in arrays["scales"])
        tables = NgramTables(
            len(words),
            arrays["unigram"],
            arrays["unigram_backoff"],
            _table(arrays["bigram"], arrays["bigram_primes"]),
            arrays["bigram_backoff"],
            _table(arrays["trigram"], arrays["trigram_primes"]),
            probability,
            backoff,
        )
        parts = LanguageParts(tables, arrays["spelling"], spelled, arrays["channel"])
        log_frequency = arrays["log_frequency"]
    figures: dict[str, float] = json.loads((folder / FIGURES).read_text())
    return Language(words, log_frequency, parts, figures)


def _table(slots: NDArray[np.int32], primes: NDArray[np.int64]) -> HashTable:
    return HashTable(slots, (int(primes[0]), int(primes[1])))
