"""Search for the corpus weights of `corpora.CORPORA`: run by hand when the texts change.

    python -m tools.model_build.corpus_weights TEXT_DIR

Two figures, lower is better. `typing`: perplexity on the held-out lines of all corpora, each by its
target share. `strange`: perplexity on the held-out lines of one corpus when the model never saw that
corpus, over four of them: how well the mixture carries over to people whose text nobody has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import corpora, kneser_ney
from .counts import Ints, NgramCounts, merge
from .encoded import encode_corpora

STRANGERS = ("tatoeba", "topical", "irc", "crd3")  # large and different enough to be left out in turn
LEAST = 2e-4  # nats per word that a change must gain

Weights = dict[str, float]
Figure = Callable[[Weights], float]


def loss(counts: dict[str, NgramCounts], weights: Weights, stream: Ints, vocabulary: int) -> float:
    """Return nats per word of a held-out padded stream under the unpruned model of weighted corpora."""
    used = [name for name, weight in weights.items() if weight > 0]
    mixture = merge(
        np.concatenate([counts[name].keys for name in used]),
        np.concatenate([counts[name].raw for name in used]),
        np.concatenate([counts[name].raw * weights[name] for name in used]),
    )
    everything = len(mixture.keys)
    model = kneser_ney.train(mixture, vocabulary, everything, everything)
    kept = stream[2:] != 0
    scores = kneser_ney.score(model, stream[:-2][kept], stream[1:-1][kept], stream[2:][kept])
    return -float(scores.mean())


def descend(figure: Figure, weights: Weights) -> tuple[Weights, float]:
    """Return (weights, figure) after doubling and halving one weight at a time while that helps."""
    best = figure(weights)
    for name in weights:
        for factor in (2.0, 0.5):
            while True:
                changed = weights | {name: weights[name] * factor}
                value = figure(changed)
                if value > best - LEAST:
                    break
                best, weights = value, changed
                print(f"  {np.exp(best):8.2f}  {weights}", flush=True)
    return weights, best


def main(text: Path) -> None:
    """Print what descending from the present weights finds, for both figures."""
    encoded = encode_corpora(text)
    size = len(encoded.words)
    counts = {name: encoded.trigrams(name) for name in encoded.train}
    targets = {corpus.name: corpus.target for corpus in corpora.CORPORA}
    start = {corpus.name: corpus.weight for corpus in corpora.CORPORA}

    def typing(weights: Weights) -> float:
        return sum(targets[n] * loss(counts, weights, encoded.held_out[n], size) for n in targets)

    def strange(weights: Weights) -> float:
        left_out = [loss(counts, weights | {n: 0.0}, encoded.held_out[n], size) for n in STRANGERS]
        return float(np.mean(left_out))

    for name, figure in (("typing", typing), ("strange", strange)):
        print(f"{name}: {np.exp(figure(start)):.2f} with {start}", flush=True)
        descend(figure, start)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
