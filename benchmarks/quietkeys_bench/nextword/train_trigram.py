"""Makes the tables of the trigram peer: `python -m quietkeys_bench.nextword.train_trigram TEXTDIR [OUT]`.

From all texts but those held back for perplexity. A word is kept if it occurs at least LEAST_WORD times and
in two kinds of text (the part of a file's name before the first underscore); others are mostly names. A
name that a chat line begins with ("name: ...") is no word. Pairs and triples that occur once are left out;
benchmarks/README.md says what that costs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.evaluation.messages import read_messages
from quietkeys.text.tokens import Piece, words_of
from quietkeys_bench.common.texts import training_texts
from quietkeys_bench.nextword.trigram import FIRST, SHIPPED, Counts, count, triples_of

LEAST_WORD: Final = 5
LEAST_PAIR: Final = 2
LEAST_TRIPLE: Final = 2


def train(
    texts: Path, least_pair: int = LEAST_PAIR, least_triple: int = LEAST_TRIPLE
) -> tuple[Counts, list[str]]:
    """Return the counts of a folder of texts and their vocabulary, the frequent words first.

    Raises OSError; ValueError if there is no text.
    """
    paths = training_texts(texts)
    words = vocabulary(paths)
    ids = {word: place for place, word in enumerate(words, FIRST)}
    triples = np.concatenate([triples_of(_pieces(path), ids).astype(np.int32) for path in paths]).astype(
        np.int64
    )
    return count(triples, FIRST + len(words), least_pair, least_triple), words


def vocabulary(paths: list[Path]) -> list[str]:
    """Return the words that are kept, the frequent ones first."""
    seen: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for path in paths:
        kind = path.name.partition("_")[0]
        found = Counter(piece.text for piece in _pieces(path))
        seen.update(found)
        for word in found:
            kinds.setdefault(word, set()).add(kind)
    kept = [word for word, times in seen.items() if times >= LEAST_WORD and len(kinds[word]) > 1]
    return sorted(kept, key=lambda word: (-seen[word], word))


def _pieces(path: Path) -> Iterator[Piece]:
    for line in read_messages(path):
        first, _, rest = line.strip().partition(" ")
        yield from words_of("", rest if first.endswith((":", ",")) and rest else line)


def main(arguments: list[str]) -> None:
    """Train and write; print how many of each are kept and how large the file is."""
    out = Path(arguments[1]) if len(arguments) > 1 else SHIPPED
    counts, words = train(Path(arguments[0]))
    counts.save(out, words)
    kept = f"{len(words)} words, {len(counts.pairs.counts)} pairs, {len(counts.triples.counts)} triples"
    sys.stdout.write(f"{kept}, {out.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
