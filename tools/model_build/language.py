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

from quietkeys.tokens import normalize

from . import channel, corpora, kneser_ney, lexicon, ngram, scrub, spelling
from .counts import Ints, count_trigrams, pad
from .graph import LanguageParts

BIGRAMS = 600_000  # kept n-grams, 5.3 bytes each; with the trigrams they fix the size of the bundle
TRIGRAMS = 1_100_000  # 4.2 bytes each
TAIL_RANK = 20_000  # words from this rank on teach the spelling model too, being names and the like
TAIL_WEIGHT = 0.3  # what such a word counts for against one outside the lexicon

Sentences = list[list[str]]
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


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Sentences of every corpus, training and held out, by corpus name."""

    train: dict[str, Sentences]
    held_out: dict[str, Sentences]


def scrub_corpora(folder: Path) -> Scrubbed:
    """Return the clean sentences of the training texts in `folder`."""
    raw = {corpus.name: corpora.corpus_lines(folder, corpus) for corpus in corpora.CORPORA}
    ordinary: Counter[str] = Counter()
    for name, (train, _) in raw.items():
        if name != corpora.NICKNAMED:
            for line in train:
                ordinary.update(normalize(token) for token in line.split() if token[:1].islower())
    nicknames = scrub.collect_nicknames(raw[corpora.NICKNAMED][0], ordinary)
    result = Scrubbed({}, {})
    for name, (train, held_out) in raw.items():
        for lines, kept in ((train, result.train), (held_out, result.held_out)):
            if name == corpora.NICKNAMED:
                named = (scrub.without_addressee(line, nicknames) for line in lines)
                kept[name] = [part for line in named for part in scrub.sentences(line, nicknames)]
            else:
                kept[name] = [part for line in lines for part in scrub.sentences(line)]
    return result


def build_language(text: Path, typing: Path, report: Report = print) -> Language:
    """Return the language built from the folders of texts and of typing statistics.

    Takes about a minute and a half and 3 GB on one core; `report` is told the progress.
    """
    scrubbed = scrub_corpora(text)
    counts = {
        name: Counter(word for part in parts for word in part) for name, parts in scrubbed.train.items()
    }
    report(f"scrubbed {sum(counter.total() for counter in counts.values()):,} words")
    seen = lexicon.gather(counts, [corpus.name for corpus in corpora.CORPORA if corpus.edited])
    words = lexicon.build_lexicon(seen)
    report(f"lexicon of {len(words):,} words")
    ids = {word: index for index, word in enumerate(words)}
    streams = {name: _stream(parts, ids) for name, parts in scrubbed.train.items()}
    trigrams = count_trigrams(
        [(streams[corpus.name], corpus.weight) for corpus in corpora.CORPORA], len(words)
    )
    report(f"{len(trigrams.keys):,} distinct trigrams")
    del streams
    model = kneser_ney.train(trigrams, len(words), BIGRAMS, TRIGRAMS)
    tables = ngram.quantize(model)
    spelled, spelling_scale = spelling.train(_spellings(words, counts, lexicon.likely_misspellings(seen)))
    text_statistics = channel.text_statistics(seen.totals)
    edits = channel.channel_log_probabilities(channel.read_counts(typing), text_statistics)
    figures = {
        "words": float(len(words)),
        "bigrams": float(len(model.bigram_keys)),
        "trigrams": float(len(model.trigram_keys)),
        **perplexities(tables, {n: _stream(p, ids) for n, p in scrubbed.held_out.items()}),
    }
    wikitext = text / corpora.PERPLEXITY_ONLY
    if wikitext.exists():
        parts = [part for line in corpora.read_lines(wikitext) for part in scrub.sentences(line)]
        figures |= perplexities(tables, {"wikitext2": _stream(parts, ids)})
    return Language(
        tuple(words),
        _log_frequency(words, counts),
        LanguageParts(tables, spelled, spelling_scale, edits),
        figures,
    )


def perplexities(tables: ngram.NgramTables, streams: dict[str, Ints]) -> dict[str, float]:
    """Return, per padded stream, the perplexity per word and the share of words outside the lexicon.

    Sentence ends are not predicted. A word outside the lexicon counts as predicting that it is one.
    Where every corpus is there, `perplexity_typing` is the figure that weights are chosen by.
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
    if mean_loss.keys() == targets.keys():
        result["perplexity_typing"] = float(np.exp(sum(targets[n] * mean_loss[n] for n in targets)))
    return result


def _stream(sentences: Sentences, ids: dict[str, int]) -> Ints:
    return pad([lexicon.encode_words(sentence, ids) for sentence in sentences])


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
