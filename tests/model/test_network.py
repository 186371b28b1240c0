"""The neural language model: what it reads, that it learns, that it goes on, and its ONNX twin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.bundle.networks import (
    BUCKETS,
    CLASSES,
    FIRST_WORD,
    NO_WORD,
    SENTENCE,
    LanguageModel,
    character_ngrams,
    window,
    word_class,
)
from tools.model_build.neural import batches, export, text, texting, training
from tools.model_build.neural.batches import Texts
from tools.model_build.neural.network import Network, Sizes
from tools.model_build.neural.training import CheckpointError, Recipe
from tools.model_build.neural.vocabulary import Symbols

WORDS = ("the", "cat", "sat", "on", "mat", "dog", "ran")
LINES: list[text.Line] = [
    [["the", "cat", "sat"], ["the", "dog", "ran"]],
    [["the", "cat", "sat", "on", "the", "mat"]],
    [["the", "zyzzy", "ran", "#"]],
]
SIZES = Sizes(FIRST_WORD + len(WORDS), 16, 24)
RECIPE = Recipe(
    tokens=12_000, batch=64, negatives=16, rate=1e-2, warm_up=10, threads=1, checkpoint_every=25, dropout=0.0
)


@pytest.fixture(scope="module")
def texts() -> Texts:
    """A few lines over and over."""
    symbols = Symbols.of(WORDS)
    outside: dict[str, int] = {}
    train = {"tatoeba": text.encode(LINES * 40, symbols, outside)}
    held_out = {"tatoeba": text.encode(LINES, symbols, outside)}
    return batches.texts_of(symbols, train, held_out, list(outside))


@pytest.fixture(scope="module")
def trained(texts: Texts, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network that has read them."""
    return training.train(texts, SIZES, RECIPE, tmp_path_factory.mktemp("network"), lambda _: None)


def test_messages_begin_sentences_and_blank_what_is_no_word() -> None:
    """Every sentence is preceded by its mark; unknown words are told apart by row."""
    outside: dict[str, int] = {}
    messages = text.encode(LINES[2:], Symbols.of(WORDS), outside)
    assert messages.symbols.tolist() == [SENTENCE, FIRST_WORD, -1, FIRST_WORD + 6, NO_WORD]
    assert outside == {"zyzzy": 0}


def test_long_lines_are_cut() -> None:
    """No message is longer than what is read in one go, and no word is lost."""
    line: text.Line = [["the"] * 100, ["cat"] * 30]
    messages = text.encode([line], Symbols.of(WORDS), {})
    lengths = np.diff(messages.starts)
    assert lengths.max() <= text.MESSAGE
    assert int((messages.symbols >= FIRST_WORD).sum()) == 130
    assert all(messages.symbols[start] == SENTENCE for start in messages.starts[:-1])


def test_it_learns(trained: Network, texts: Texts) -> None:
    """The next word of a text that it knows is nearly certain."""
    figures = training.evaluate(trained, texts, 64)["tatoeba"]
    assert figures["perplexity"] < 3.0
    assert figures["top3"] > 0.7


def test_the_graph_says_what_the_network_says(trained: Network) -> None:
    """Step by step through ONNX, int8, the distribution stays close to the network's."""
    words = dict(zip(WORDS, range(FIRST_WORD, SIZES.symbols), strict=True))
    model = LanguageModel.load(export.onnx_bytes(trained), words)
    for context in ((), ("the",), ("the", "cat"), ("the", "zyzzy"), ("the", "cat", "sat", "", "the", "#")):
        chances = np.exp(model.after(context).log_probability.astype(np.float64))
        assert chances.sum() == pytest.approx(1.0, abs=1e-4)
        assert np.abs(chances - expected(trained, words, context)).max() < 0.03


def expected(network: Network, words: Mapping[str, int], context: tuple[str, ...]) -> np.ndarray:  # type: ignore[type-arg]
    """The network's own distribution after a context."""
    read, spelled, ngrams = [SENTENCE], [False], []
    for word in context:
        spelled.append(word not in words and word not in ("", "#"))
        read.append(words.get(word, NO_WORD if word == "#" else SENTENCE))
        if spelled[-1]:
            found = character_ngrams(word)
            ngrams.append(found + [BUCKETS] * (32 - len(found)))
    with torch.no_grad():
        queries = network(
            torch.tensor(read)[:, None],
            torch.tensor(spelled)[:, None],
            torch.tensor(ngrams, dtype=torch.long),
        )
        logits = queries[-1, 0] @ network.words.weight.T + network.bias
        chances: np.ndarray = torch.softmax(logits, -1).numpy()  # type: ignore[type-arg]
    return chances


def test_a_context_is_read_a_step_at_a_time(trained: Network) -> None:
    """A state that was carried along is the state of reading it all anew."""
    words = dict(zip(WORDS, range(FIRST_WORD, SIZES.symbols), strict=True))
    content = export.onnx_bytes(trained)
    carried = LanguageModel.load(content, words)
    context = ("the", "cat", "sat", "", "the", "dog")
    for length in range(len(context) + 1):
        anew = LanguageModel.load(content, words).after(context[:length])
        np.testing.assert_array_equal(carried.after(context[:length]).log_probability, anew.log_probability)


def test_training_goes_on_from_its_last_checkpoint(texts: Texts, tmp_path: Path) -> None:
    """Killed on its way, it ends at the last step all the same."""

    class Killed(Exception):  # noqa: N818 - what happened
        pass

    def kill(line: str) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOG_EVERY", 60)
        with pytest.raises(Killed):
            training.train(texts, SIZES, RECIPE, tmp_path, kill)
    reports: list[str] = []
    training.train(texts, SIZES, RECIPE, tmp_path, reports.append)
    assert reports[0] == "goes on from step 50"
    assert json.loads(reports[-1])["step"] == RECIPE.steps


def test_the_checkpoint_of_another_training_is_refused(texts: Texts, tmp_path: Path) -> None:
    """Another recipe or other sizes: the error names the file and what differs."""
    short = replace(RECIPE, tokens=640)
    training.train(texts, SIZES, short, tmp_path, lambda _: None)
    with pytest.raises(CheckpointError, match=r"checkpoint.pt has another recipe \(seed\)"):
        training.train(texts, SIZES, replace(short, seed=1), tmp_path, lambda _: None)
    with pytest.raises(CheckpointError, match=r"another sizes \(state\)"):
        training.train(texts, replace(SIZES, state=32), short, tmp_path, lambda _: None)


def test_the_log_has_a_line_now_and_then(texts: Texts, tmp_path: Path) -> None:
    """Steps, loss and seconds; the last one has the figures of the held-out lines too."""
    reports: list[str] = []
    training.train(texts, SIZES, RECIPE, tmp_path, reports.append)
    lines = [json.loads(line) for line in (tmp_path / training.LOG).read_text().splitlines()]
    assert lines == [json.loads(line) for line in reports]
    assert [line["step"] for line in lines] == [RECIPE.steps]
    assert set(lines[-1]) == {"step", "loss", "seconds", "held_out"}
    assert set(lines[-1]["held_out"]["tatoeba"]) == {"perplexity", "top1", "top3"}


@given(st.lists(st.sampled_from(("a", "b", "", "#")), max_size=200))
def test_the_window_moves_in_strides(context: list[str]) -> None:
    """It is an end of the context, short, and begins at the same word for a while."""
    seen = window(tuple(context))
    assert len(seen) < 48 or len(context) < 48
    assert tuple(context[len(context) - len(seen) :]) == seen
    longer = window((*context, "a"))
    assert longer[:-1] == seen or len(longer) <= len(seen)


@given(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=30))
def test_every_word_has_a_class_and_ngrams(word: str) -> None:
    """Of the buckets there are, at most as many as are read."""
    assert 0 <= word_class(word) < len(CLASSES)
    found = character_ngrams(word)
    assert 1 <= len(found) <= 32
    assert all(0 <= bucket < BUCKETS for bucket in found)


def test_texting_is_consistent_within_a_message() -> None:
    """A word that is shortened once is shortened throughout."""
    rng = np.random.default_rng(0)
    line = [["you", "see", "you"], ["do", "you", "see"]]
    for _ in range(50):
        words = [word for sentence in texting.texted(line, rng) for word in sentence]
        assert not {"you", "u"} <= set(words)
