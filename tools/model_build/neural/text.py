"""The training texts as messages: what the network reads in one go, from an empty state.

A message is a line of a corpus, cut where it grows longer than MESSAGE symbols. Every sentence begins with
SENTENCE; SENTENCE and BLANK are read and never predicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quietkeys.arrays import Int32, Int64
from quietkeys.bundle.networks import NO_WORD, SENTENCE
from tools.model_build import corpora, scrub

from .texting import texted
from .vocabulary import Symbols

MESSAGE = 48  # symbols read in one go; longer lines go on from an empty state
# How often an epoch passes over each corpus; small everyday corpora more often than transcribed games.
PASSES = {
    "tatoeba": 2.0, "topical": 2.0, "irc": 1.6, "crd3": 0.7, "sgd": 0.4, "taskmaster": 1.0, "texted": 1.0,
}  # fmt: skip
TEXTED_SHARE = {"tatoeba": 0.4, "topical": 0.3, "sgd": 0.1, "irc": 0.1}  # of the lines, once more as texted

Line = list[list[str]]  # sentences of words; scrub.BLANK for what is no word


@dataclass(frozen=True, slots=True)
class Messages:
    """Symbols of all messages end to end.

    symbols: [N] ids; a word outside the vocabulary is -1 - (row in `outside`). starts: [M + 1].
    outside: words outside the vocabulary.
    """

    symbols: Int32
    starts: Int64
    outside: tuple[str, ...]

    def message(self, number: int) -> Int32:
        """Return the symbols of a message."""
        return self.symbols[self.starts[number] : self.starts[number + 1]]

    def length(self, number: int) -> int:
        """Return how many symbols a message has."""
        return int(self.starts[number + 1] - self.starts[number])


def read_lines(folder: Path) -> tuple[dict[str, list[Line]], dict[str, list[Line]]]:
    """Return (training, held-out) lines of every corpus, scrubbed."""
    raw = {corpus.name: corpora.corpus_lines(folder, corpus) for corpus in corpora.CORPORA}
    elsewhere = (line for name, (train, _) in raw.items() if name != corpora.NICKNAMED for line in train)
    nicknames = scrub.collect_nicknames(raw[corpora.NICKNAMED][0], elsewhere)

    def scrubbed(name: str, lines: Iterable[str]) -> list[Line]:
        if name != corpora.NICKNAMED:
            return [scrub.sentences(line) for line in lines]
        named = (scrub.without_addressee(line, nicknames) for line in lines)
        return [scrub.sentences(line, nicknames) for line in named]

    train = {name: scrubbed(name, lines) for name, (lines, _) in raw.items()}
    held_out = {name: scrubbed(name, lines) for name, (_, lines) in raw.items()}
    train["texted"] = _texted(train)
    return train, held_out


def _texted(train: dict[str, list[Line]]) -> list[Line]:
    rng = np.random.default_rng(0)
    return [
        texted(line, rng)
        for name, share in TEXTED_SHARE.items()
        for line in train[name]
        if rng.random() < share
    ]


def choose_words(train: Mapping[str, list[Line]], size: int, wanted: Callable[[str], bool]) -> list[str]:
    """Return the `size` words that an epoch sees most, by falling frequency."""
    seen: Counter[str] = Counter()
    for name, lines in train.items():
        counts = Counter(word for line in lines for sentence in line for word in sentence)
        for word, count in counts.items():
            seen[word] += count * PASSES[name]  # type: ignore[assignment]
    kept = [word for word in seen if word != scrub.BLANK and wanted(word)]
    kept.sort(key=lambda word: (-seen[word], word))
    return kept[:size]


def encode(lines: Iterable[Line], symbols: Symbols, outside: dict[str, int]) -> Messages:
    """Return lines as messages; words outside the vocabulary join `outside`."""
    ids: list[int] = []
    starts = [0]
    for line in lines:
        length = 0
        for sentence in line:
            if length:
                ids.append(SENTENCE)
                length += 1
            for word in sentence:
                if length >= MESSAGE or length == 0:
                    if length:
                        starts.append(len(ids))
                    ids.append(SENTENCE)
                    length = 1
                known = NO_WORD if word == scrub.BLANK else symbols.index.get(word)
                ids.append(-1 - outside.setdefault(word, len(outside)) if known is None else known)
                length += 1
        if length > 1:
            starts.append(len(ids))
        elif length:
            del ids[starts[-1] :]
    return Messages(np.array(ids, np.int32), np.array(starts, np.int64), tuple(outside))
