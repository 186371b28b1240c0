"""The language stage: from texts and typing statistics to everything that scores words.

Plain values in, plain values out: the plan stage takes a `Language` and adds the adapter's blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import channel, corpora, kneser_ney, lexicon, ngram, scrub, spelling
from .counts import Ints, count_trigrams
from .encoded import encode, encode_corpora
from .graph import LanguageParts

BIGRAMS = 600_000  # kept n-grams, 5.3 bytes each; with the trigrams they fix the size of the bundle
TRIGRAMS = 1_100_000  # 4.2 bytes each
TAIL_RANK = 20_000  # words from this rank on teach the spelling model too, being names and the like
TAIL_WEIGHT = 0.3  # what such a word counts for against one outside the lexicon

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Language:
    """A lexicon and what scores it.

    words: by id. log_frequency: [V] natural logarithm of the share in the weighted text.
    figures: what was measured while building, for the documentation.
    """

    words: tuple[str, ...]
    log_frequency: NDArray[np.float32]
    parts: LanguageParts
    figures: dict[str, float]


def build_language(text: Path, typing: Path, report: Report = print) -> Language:
    """Return the language built from the folders of texts and of typing statistics.

    Takes about a minute and a half and 3 GB on one core; `report` is told the progress.
    Raises TrainingTextError or OSError if a file is missing.
    """
    typing_counts = channel.read_counts(typing)
    encoded = encode_corpora(text)
    words, counts = encoded.words, encoded.counts
    report(
        f"{sum(counter.total() for counter in counts.values()):,} words of text, lexicon of {len(words):,}"
    )
    weighted = [(encoded.train[corpus.name], corpus.weight) for corpus in corpora.CORPORA]
    model = kneser_ney.train(count_trigrams(weighted, len(words)), len(words), BIGRAMS, TRIGRAMS)
    report(f"kept {len(model.bigram_keys):,} bigrams and {len(model.trigram_keys):,} trigrams")
    tables = ngram.quantize(model)
    table, scale = spelling.train(_spellings(words, counts, lexicon.likely_misspellings(encoded.seen)))
    edits = channel.channel_log_probabilities(typing_counts, channel.text_statistics(encoded.seen.totals))
    streams = dict(encoded.held_out)
    if (text / corpora.PERPLEXITY_ONLY).exists():
        lines = corpora.read_lines(text / corpora.PERPLEXITY_ONLY)
        streams["wikitext2"] = encode([part for line in lines for part in scrub.sentences(line)], words)
    figures = {
        "words": float(len(words)),
        "bigrams": float(len(model.bigram_keys)),
        "trigrams": float(len(model.trigram_keys)),
        **perplexities(tables, streams),
    }
    parts = LanguageParts(tables, table, scale, edits)
    return Language(words, _log_frequency(words, counts), parts, figures)


def perplexities(tables: ngram.NgramTables, streams: dict[str, Ints]) -> dict[str, float]:
    """Return, per padded stream, the perplexity per word and the share of words outside the lexicon.

    Sentence ends are not predicted. A word outside the lexicon counts as predicting that it is one.
    `perplexity_typing`, the figure that corpus weights are chosen by, takes each corpus by its target.
    """
    result: dict[str, float] = {}
    mean_loss: dict[str, float] = {}
    for name, stream in streams.items():
        word = stream[2:]
        kept = word != 0
        losses = -ngram.score(tables, stream[:-2][kept], stream[1:-1][kept], word[kept])
        mean_loss[name] = float(losses.mean())
        result[f"perplexity_{name}"] = float(np.exp(losses.mean()))
        result[f"unknown_{name}"] = float((word[kept] == 1).mean())
    targets = {corpus.name: corpus.target for corpus in corpora.CORPORA}
    if mean_loss.keys() >= targets.keys():
        result["perplexity_typing"] = float(np.exp(sum(targets[n] * mean_loss[n] for n in targets)))
    return result


def _spellings(
    words: Sequence[str], counts: dict[str, Counter[str]], misspelt: set[str]
) -> list[tuple[str, float]]:
    """Return the types that teach the spelling model, with weights, in a fixed order."""
    inside = set(words)
    outside = {word for counter in counts.values() for word in counter} - inside - misspelt
    return [(word, 1.0) for word in sorted(outside)] + [(word, TAIL_WEIGHT) for word in words[TAIL_RANK:]]


def _log_frequency(words: Sequence[str], counts: dict[str, Counter[str]]) -> NDArray[np.float32]:
    weights = {corpus.name: corpus.weight for corpus in corpora.CORPORA}
    frequency = np.array(
        [sum(weights[name] * counter[word] for name, counter in counts.items()) for word in words]
    )
    frequency[: len(lexicon.SPECIAL)] = frequency[len(lexicon.SPECIAL) :].min(initial=1.0)
    result: NDArray[np.float32] = np.log(frequency / frequency.sum()).astype(np.float32)
    return result
