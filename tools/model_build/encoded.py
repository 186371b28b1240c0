"""The training texts as ids: scrubbed, counted, with the lexicon that the counts give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import corpora, lexicon, scrub
from .counts import Ints, NgramCounts, merge, pad, trigram_keys
from .lexicon import Occurrences

Sentences = list[list[str]]


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Sentences of every corpus, training and held out, by corpus name."""

    train: dict[str, Sentences]
    held_out: dict[str, Sentences]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The texts by word id.

    words: by id. counts: of every word per corpus, training lines only. train, held_out: padded
    streams (`counts.pad`) by corpus name.
    """

    words: tuple[str, ...]
    seen: Occurrences
    counts: dict[str, Counter[str]]
    train: dict[str, Ints]
    held_out: dict[str, Ints]

    def trigrams(self, name: str) -> NgramCounts:
        """Return the unweighted trigram counts of one corpus."""
        keys = trigram_keys(self.train[name], len(self.words))
        ones = np.ones(len(keys))
        return merge(keys, ones, ones)


def scrub_corpora(folder: Path) -> Scrubbed:
    """Return the clean sentences of the training texts in `folder`."""
    raw = {corpus.name: corpora.corpus_lines(folder, corpus) for corpus in corpora.CORPORA}
    elsewhere = (line for name, (train, _) in raw.items() if name != corpora.NICKNAMED for line in train)
    nicknames = scrub.collect_nicknames(raw[corpora.NICKNAMED][0], elsewhere)
    result = Scrubbed({}, {})
    for name, (train, held_out) in raw.items():
        for lines, kept in ((train, result.train), (held_out, result.held_out)):
            if name == corpora.NICKNAMED:
                named = (scrub.without_addressee(line, nicknames) for line in lines)
                kept[name] = [part for line in named for part in scrub.sentences(line, nicknames)]
            else:
                kept[name] = [part for line in lines for part in scrub.sentences(line)]
    return result


def encode_corpora(folder: Path) -> Encoded:
    """Return the training texts of a folder as ids of the lexicon made from them."""
    scrubbed = scrub_corpora(folder)
    counts = {
        name: Counter(word for part in parts for word in part) for name, parts in scrubbed.train.items()
    }
    seen = lexicon.gather(counts, [corpus.name for corpus in corpora.CORPORA if corpus.edited])
    words = tuple(lexicon.build_lexicon(seen))
    return Encoded(
        words,
        seen,
        counts,
        {name: encode(parts, words) for name, parts in scrubbed.train.items()},
        {name: encode(parts, words) for name, parts in scrubbed.held_out.items()},
    )


def encode(sentences: Sentences, words: tuple[str, ...]) -> Ints:
    """Return sentences as one padded stream of ids."""
    ids = {word: index for index, word in enumerate(words)}
    return pad([lexicon.encode_words(sentence, ids) for sentence in sentences])
