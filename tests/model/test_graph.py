"""The ONNX graph against plain numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard import edits
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from tests.model.texts import VOCABULARY, language
from tools.model_build import graph, spelling
from tools.model_build.graph import AdapterParts, LanguageParts

EVIDENCE = 3
Feed = dict[str, NDArray[Any]]


def adapter(seed: int) -> AdapterParts:
    """Return random matrices for three blocks."""
    rng = np.random.default_rng(seed)
    return AdapterParts(
        base_weights=rng.normal(size=3 + EVIDENCE).astype(np.float32),
        ranker_map=rng.normal(size=(3 + EVIDENCE, 4)).astype(np.float32),
        channel_matrix=rng.normal(size=(7, 5)).astype(np.float32),
        event_of_edit=rng.integers(-1, 7, edits.EDIT_COUNT),
        row_of_touch_event=rng.integers(-1, 7, len(TOUCH_EVENTS)),
        lexicon_matrix=rng.normal(size=(9, 6)).astype(np.float32),
        bucket_of_word=rng.integers(-1, 9, VOCABULARY),
    )


def spellings(typed: str, candidates: int) -> Int64:
    """Return the symbols of `typed`, less one letter for every candidate after the first, padded."""
    rows = np.zeros((candidates, max(len(typed), 1)), dtype=np.int64)
    for k in range(candidates):
        symbols = spelling.symbols(typed[k:])
        rows[k, : len(symbols)] = symbols
    return rows


def feed(seed: int, candidates: int, typed: str, widths: tuple[int, int, int]) -> Feed:
    """Return random inputs; widths: adapter weights of channel, lexicon, ranker."""
    rng = np.random.default_rng(seed)
    channel, lexicon, ranker = (rng.normal(size=width).astype(np.float32) for width in widths)
    return {
        "candidate": rng.integers(1, VOCABULARY, candidates),
        "language": -rng.exponential(6.0, candidates).astype(np.float32),
        "touch": rng.normal(size=candidates).astype(np.float32),
        "touch_events": rng.integers(-1, len(TOUCH_EVENTS), (candidates, seed % 4)),
        "spelling": spellings(typed, candidates),
        "edits": rng.integers(0, edits.EDIT_COUNT, (candidates, 6)),
        "personal": (rng.random(candidates) * rng.integers(0, 2, candidates)).astype(np.float32),
        "base_share": (0.4 + rng.random(candidates)).astype(np.float32),
        "evidence": rng.normal(size=(candidates, EVIDENCE)).astype(np.float32),
        "channel_weights": channel,
        "lexicon_weights": lexicon,
        "ranker_weights": ranker,
    }


@dataclass(frozen=True)
class Expected:
    """What the graph should return."""

    score: Float64
    features: Float64


def in_numpy(language_parts: LanguageParts, blocks: AdapterParts, given: Feed) -> Expected:
    """Return score and features, candidate by candidate."""
    scores, rows = [], []
    for k, word in enumerate(given["candidate"]):
        words = float(given["language"][k])
        if word == 1:
            symbols = given["spelling"][k]
            words += spelling.log_probability(
                language_parts.spelling, language_parts.spelling_scale, symbols[symbols > 0]
            )
        channel = float(
            language_parts.channel[given["edits"][k]].astype(np.float64).sum() + given["touch"][k]
        )
        mixed = np.log(given["base_share"][k] + given["personal"][k] * np.exp(min(-words, graph.RAREST)))
        features = np.array([words, channel, mixed, *given["evidence"][k]])
        score = features @ blocks.base_weights + features @ (blocks.ranker_map @ given["ranker_weights"])
        events = [blocks.event_of_edit[edit] for edit in given["edits"][k]]
        events += [blocks.row_of_touch_event[event] for event in given["touch_events"][k] if event >= 0]
        for event in events:
            if event >= 0:
                score += blocks.channel_matrix[event] @ given["channel_weights"]
        bucket = blocks.bucket_of_word[word]
        if bucket >= 0:
            score += blocks.lexicon_matrix[bucket] @ given["lexicon_weights"]
        scores.append(score)
        rows.append(features)
    return Expected(np.array(scores), np.array(rows))


def session(blocks: AdapterParts) -> onnxruntime.InferenceSession:
    """Return a session of the graph built from synthetic text."""
    model = graph.build(language(), blocks)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("typed", ["teh", "don't", "é9-x", "a" * 40, ""])
def test_the_graph_computes_what_numpy_does(typed: str) -> None:
    """Scores and features of random inputs agree to single precision, with touches and without."""
    parts, blocks = language(), adapter(1)
    run = session(blocks).run
    for seed in range(20):
        given = feed(seed, 17, typed, (5, 6, 4))
        given["candidate"][:3] = 1
        score, features = run(None, given)
        expected = in_numpy(parts, blocks, given)
        np.testing.assert_allclose(features, expected.features, rtol=1e-4, atol=2e-3)
        np.testing.assert_allclose(score, expected.score, rtol=1e-4, atol=5e-3)


def test_zero_weights_leave_the_base_score() -> None:
    """An adapter at zero changes nothing."""
    blocks = adapter(2)
    given = feed(3, 5, "abc", (5, 6, 4))
    for name in ("channel_weights", "lexicon_weights", "ranker_weights"):
        given[name] = np.zeros_like(given[name])
    score, features = session(blocks).run(None, given)
    np.testing.assert_allclose(score, features @ blocks.base_weights, rtol=1e-5)


def test_a_graph_without_blocks_scores() -> None:
    """One idle weight a block; the score is the weighted features."""
    base = np.array([1.0, 0.5, 0.3, 0.0, 0.0, 2.0], dtype=np.float32)
    blocks = graph.no_blocks(base, edits.EDIT_COUNT, VOCABULARY)
    score, features = session(blocks).run(None, feed(4, 1, "q", (1, 1, 1)))
    np.testing.assert_allclose(score, features @ base, rtol=1e-5)


def test_equal_parts_give_equal_bytes() -> None:
    """The model file is deterministic."""
    first, second = (graph.build(language(), adapter(5)).SerializeToString() for _ in range(2))
    assert first == second
