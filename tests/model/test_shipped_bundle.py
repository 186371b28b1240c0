"""The bundle that ships: signed by a pinned key, small enough, and a language model of English."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from quietkeys import edits
from quietkeys.bundle import BUNDLE_BYTES, SHIPPED, Bundle, shipped_bundle
from quietkeys.tokens import is_correctable
from tools.model_build import contents

pytestmark = pytest.mark.skipif(not (SHIPPED / "en").is_dir(), reason="no bundle has been built yet")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The verified bundle."""
    return shipped_bundle()


@pytest.fixture(scope="module")
def words(bundle: Bundle) -> list[str]:
    """The lexicon by id."""
    return bundle[contents.LEXICON].decode("ascii").splitlines()


@pytest.fixture(scope="module")
def session(bundle: Bundle) -> onnxruntime.InferenceSession:
    """The scoring graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(bundle[contents.MODEL], options, providers=["CPUExecutionProvider"])


def feed(session: onnxruntime.InferenceSession, context: list[int], candidate: list[int]) -> dict[str, Any]:
    """Return inputs with an adapter at zero, no evidence, no edits and nothing personal."""
    widths = {value.name: value.shape for value in session.get_inputs()}
    rows = len(candidate)
    idle: dict[str, NDArray[np.float32]] = {
        name: np.zeros(width, np.float32) for name, width in widths.items() if name.endswith("_weights")
    }
    return {
        "context": np.array(context, dtype=np.int64),
        "candidate": np.array(candidate, dtype=np.int64),
        "spelling": np.zeros((rows, 1), np.int64),
        "edits": np.zeros((rows, 28), np.int64),
        "personal": np.zeros(rows, np.float32),
        "base_share": np.ones(1, np.float32),
        "evidence": np.zeros((rows, widths["evidence"][1]), np.float32),
        **idle,
    }


def test_it_is_signed_and_small(bundle: Bundle) -> None:
    """By a pinned key, at most 12 MB, with everything that is promised."""
    assert sum(len(content) for content in bundle.files.values()) <= BUNDLE_BYTES
    promised = {
        contents.MODEL,
        contents.LEXICON,
        contents.PLAN,
        contents.CLIENT_SPECIFICATION,
        contents.NOTICE,
    }
    assert promised <= bundle.files.keys()


def test_the_lexicon_holds_words(words: list[str]) -> None:
    """At least 30,000 of letters and inner apostrophes, each once, common ones in front."""
    assert words[:2] == ["<s>", "<unk>"]
    assert len(words) >= 30_000
    assert len(set(words)) == len(words)
    assert all(is_correctable(word) and not word.endswith("'") for word in words[2:])
    assert {"the", "you", "and"} <= set(words[2:20])


def test_arrays_fit_the_lexicon_and_the_edits(bundle: Bundle, words: list[str]) -> None:
    """One log-frequency per word, one log-probability per edit."""
    frequency, channel = (
        np.load(io.BytesIO(bundle[path]), allow_pickle=False)
        for path in (contents.LOG_FREQUENCY, contents.CHANNEL)
    )
    assert frequency.shape == (len(words),)
    assert channel.shape == (edits.EDIT_COUNT,)


@pytest.mark.parametrize(
    ("context", "likely", "unlikely"),
    [("how are", "you", "your"), ("i don't", "know", "now"), ("thank", "you", "but"), ("", "the", "them")],
)
def test_it_knows_what_follows(
    session: onnxruntime.InferenceSession, words: list[str], context: str, likely: str, unlikely: str
) -> None:
    """The likelier word of everyday English has the higher probability."""
    ids = ([0, 0] + [words.index(word) for word in context.split()])[-2:]
    given = feed(session, ids, [words.index(likely), words.index(unlikely)])
    features = session.run(["features"], given)[0]
    assert features[0, 0] > features[1, 0] + 1


def test_probabilities_sum_to_about_one(session: onnxruntime.InferenceSession, words: list[str]) -> None:
    """Over the lexicon, in seen and unseen contexts; eight-bit rounding moves the sum by a few per cent."""
    everything = list(range(1, len(words)))
    for context in ([0, 0], [words.index("how"), words.index("are")], [30_000, 31_000]):
        given = feed(session, context, everything)
        total = float(np.exp(session.run(["features"], given)[0][:, 0].astype(np.float64)).sum())
        assert total == pytest.approx(1.0, abs=0.08)


def test_opening_and_scoring_are_quick(bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
    """The lexicon loads in 50 ms, 64 candidates score in 1 ms (best of several, on a busy machine)."""

    def best(repeats: int, call: Any) -> float:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    given = feed(session, [5, 6], list(range(2, 66)))
    assert best(5, lambda: bundle[contents.LEXICON].decode("ascii").splitlines()) < 0.05
    assert best(50, lambda: session.run(None, given)) < 0.001
