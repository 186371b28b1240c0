"""The language model is a distribution, before and after pruning, and follows its formula."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.model.texts import VOCABULARY, model, sentences
from tools.model_build import kneser_ney
from tools.model_build.counts import count_trigrams, pad


def everything(older: int, newer: int, pruned: bool) -> float:
    """Return the sum of p(w | older newer) over all words but the sentence start."""
    trained = model(200, 150) if pruned else model()
    words = np.arange(1, VOCABULARY)
    context = np.ones_like(words)
    return float(np.exp(kneser_ney.score(trained, older * context, newer * context, words)).sum())


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("context", [(0, 0), (0, 7), (7, 7), (3, 12), (59, 58)])
def test_probabilities_sum_to_one(context: tuple[int, int], pruned: bool) -> None:
    """Over all words, in seen and unseen contexts, with all n-grams or a part of them."""
    assert everything(*context, pruned) == pytest.approx(1.0, abs=1e-6)


def test_pruning_keeps_the_contexts_of_kept_trigrams() -> None:
    """Every kept trigram's context is a kept bigram, else its back-off weight would be lost."""
    trained = model(200, 150)
    contexts = trained.trigram_keys // VOCABULARY
    assert np.isin(contexts, trained.bigram_keys).all()
    assert len(trained.bigram_keys) <= 200
    assert len(trained.trigram_keys) <= 150


def test_one_corpus_of_weight_one_is_modified_kneser_ney() -> None:
    """A literal transcription of the formula, with dictionaries, gives the same probabilities.

    All but at a sentence start, where the two starts say no more than one and count once.
    """
    text = sentences(5, 60)
    trained = kneser_ney.train(count_trigrams([(pad(text), 1.0)], VOCABULARY), VOCABULARY, 10**6, 10**6)
    oracle = transcription(text)
    for older, newer, word in [(0, text[0][0], text[0][1]), (0, text[0][0], 5), (4, 9, 2), (8, 8, 8)]:
        got = kneser_ney.score(trained, *(np.array([part]) for part in (older, newer, word)))
        assert float(got[0]) == pytest.approx(np.log(oracle(older, newer, word)), abs=1e-5)


def transcription(text: list[list[int]]):  # type: ignore[no-untyped-def]
    """Return p(older, newer, word) after Chen and Goodman 1999, written for reading."""
    padded = [[0, 0, *sentence] for sentence in text]
    three = Counter(tuple(s[at - 2 : at + 1]) for s in padded for at in range(2, len(s)))
    two: Counter[tuple[int, ...]] = Counter()
    for (_, newer, word), count in three.items():
        two[newer, word] += count if newer == 0 else 1
    one: Counter[tuple[int, ...]] = Counter((word,) for _, word in two)
    tables = {
        order: kneser_ney.discounts(np.array(list(counts.values()), dtype=np.float64))
        for order, counts in ((1, one), (2, two), (3, three))
    }

    def p(
        order: int, counts: Counter[tuple[int, ...]], context: tuple[int, ...], word: int, low: float
    ) -> float:
        table = tables[order]
        inside = {key: count for key, count in counts.items() if key[:-1] == context}
        if not inside:
            return low
        total = sum(inside.values())
        mass = sum(table[min(count, 3)] for count in inside.values()) / total
        count = inside.get((*context, word), 0)
        return float((count - table[min(count, 3)]) / total + mass * low)

    def probability(older: int, newer: int, word: int) -> float:
        unigram = p(1, one, (), word, 1 / (VOCABULARY - 1))
        return p(3, three, (older, newer), word, p(2, two, (newer,), word, unigram))

    return probability


def test_a_weight_changes_shares_but_not_the_discount() -> None:
    """Doubling the weight of all text changes nothing."""
    text = pad(sentences(2, 80))
    plain, heavy = (
        kneser_ney.train(count_trigrams([(text, weight)], VOCABULARY), VOCABULARY, 10**6, 10**6)
        for weight in (1.0, 2.0)
    )
    np.testing.assert_allclose(plain.trigram, heavy.trigram)
    np.testing.assert_allclose(plain.unigram, heavy.unigram)
