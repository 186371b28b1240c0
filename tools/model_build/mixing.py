"""What mixing in local memory has to know of the base model (`quietkeys.profile.mixture`), from the texts.

How probable it makes every word on average, and what the parts of memory weigh before anything was typed.
The weights are learnt by expectation-maximisation from people made from stretches of the training texts, who
type without a mistake and are learnt as they type. Nobody whose figures are reported has a part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.arrays import Float32, Float64
from quietkeys.bundle.networks import LanguageModel
from quietkeys.evaluation.messages import Piece, typed_words
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.memory import Memory
from quietkeys.profile.mixture import BUCKETS, LEVELS, PARTS, SPREADS, Evidence, Mixture
from quietkeys.text.tokens import is_correctable

from . import corpora, typists

CONTEXTS: Final = 12_000  # over which probabilities are averaged
STRETCH: Final = 2_000  # words of one person, about
PEOPLE: Final = {"tatoeba": 1, "topical": 2, "irc": 4, "crd3": 1, "sgd": 1, "taskmaster": 1}  # of each file
ROUNDS: Final = 20  # of expectation-maximisation
FIRST: Final = 0.1  # weight of every part before the first round
LEAN: Final = 10.0  # words for which the mean of a part stands in each of its buckets
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Mixing:
    """log_mean: [S] log of the mean probability of every symbol, nats. prior: [BUCKETS] weights."""

    log_mean: Float32
    prior: Float64


def untaught(symbols: int) -> Mixing:
    """Return what there is before anything was measured."""
    return Mixing(np.full(symbols, -np.log(symbols), np.float32), np.full(BUCKETS, FIRST))


def taught(model: Model, text: Path, report: Callable[[str], None]) -> Mixing:
    """Return what the texts teach. model: with `untaught` weights, which have no part in it.

    Takes some minutes on one core. Raises TrainingTextError or OSError if a text is missing.
    """
    log_mean = mean_of(model.language, _contexts(text))
    model = model.with_mixing(log_mean, untaught(len(log_mean)).prior)
    foretold: list[Evidence] = []
    for name, messages in _people(text):
        foretold += type_person(model, messages)
        report(f"{name}: {len(foretold)} words foretold so far")
    return Mixing(log_mean, fitted(foretold))


def mean_of(language: LanguageModel, pieces: Iterator[Piece]) -> Float32:
    """Return the log of the mean probability of every symbol [S] where these pieces stand, nats."""
    total, count = np.zeros(language.symbols), 0
    for piece in pieces:
        total += np.exp(language.after(piece.context).log_probability)
        count += 1
    result: Float32 = np.log(total / count).astype(np.float32)
    return result


def type_person(model: Model, messages: Sequence[str]) -> list[Evidence]:
    """Return how the words of messages were foretold by what was learnt of those before."""
    predictor = Predictor(model, Memory())
    found: list[Evidence] = []
    for word in typed_words(messages):
        for piece in word.pieces:
            trace = predictor.learn(piece.context, piece.text) if is_correctable(piece.text) else None
            if trace is not None and trace.evidence is not None:
                found.append(trace.evidence)
    return found


def fitted(foretold: Sequence[Evidence]) -> Float64:
    """Return the weights [BUCKETS] under which these words are likeliest.

    Where a part said little, its mean has a say.
    """
    weights = np.full(BUCKETS, FIRST)
    for _ in range(ROUNDS):
        mixture = _Frozen(weights.tolist())
        for one in foretold:
            mixture.learn(one)
        said = np.array(mixture.said).reshape(len(PARTS), LEVELS * SPREADS)
        every = said + np.array(mixture.missed).reshape(said.shape)
        mean = (said.sum(1) + FIRST) / (every.sum(1) + 1.0)
        weights = ((said + LEAN * mean[:, None]) / (every + LEAN)).reshape(BUCKETS)
    rounded: Float64 = np.round(weights, 4)
    return rounded


class _Frozen(Mixture):
    """A mixture whose weights stay as they are while it counts."""

    def weight(self, bucket: int) -> float:
        return self.prior[bucket]


def _contexts(text: Path) -> Iterator[Piece]:
    # Pieces of held-out lines, of every corpus as many as people type like it.
    rng = np.random.default_rng([SEED, 13])
    for corpus in corpora.CORPORA:
        lines = [
            line
            for path in corpora.corpus_files(text, corpus)
            for line in typists.held_out_lines(path, corpus)
        ]
        chosen = (lines[int(place)] for place in rng.permutation(len(lines)))
        pieces = (piece for line in chosen for word in typed_words([line]) for piece in word.pieces)
        yield from islice(pieces, round(CONTEXTS * corpus.target))


def _people(text: Path) -> Iterator[tuple[str, list[str]]]:
    # Stretches of lines in order, with some words of their own.
    rng = np.random.default_rng([SEED, 17])
    number = 0
    for corpus in corpora.CORPORA:
        for path in corpora.corpus_files(text, corpus):
            lines = typists.said_lines(corpora.read_lines(path), corpus)
            words = np.cumsum([len(line.split()) for line in lines])
            for part in range(PEOPLE[corpus.name]):
                start = (part + 0.5) / PEOPLE[corpus.name] * words[-1] - STRETCH / 2
                begin, end = np.searchsorted(words, [start, start + STRETCH])
                share = typists.OWN_SHARES[number % len(typists.OWN_SHARES)]
                yield (
                    f"{path.name.split('.')[0]}-{part}",
                    typists.with_own_words(lines[begin:end], share, rng),
                )
                number += 1
