"""The ONNX graph against arithmetic written out, by either of what computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.bundle.graph import NumpyNetwork
from quietkeys.bundle.networks import Network, OnnxNetwork
from quietkeys.keyboard import edits
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.events import EVIDENCE as EVIDENCE_NAMES
from quietkeys.prediction.events import FEATURES
from quietkeys_protocol.errors import ErrorCode, Untrusted
from tests.model.texts import VOCABULARY, language
from tools.model_build import graph, literals, spelling
from tools.model_build.graph import AdapterParts, LanguageParts

EVIDENCE = 5  # columns, those of the literal among them
LITERAL = [EVIDENCE_NAMES.index(name) for name in ("literal_known", "literal_own", "literal_new")]
Feed = dict[str, NDArray[Any]]


def adapter(seed: int) -> AdapterParts:
    """Return random matrices for four blocks."""
    rng = np.random.default_rng(seed)
    return AdapterParts(
        base_weights=rng.normal(size=3 + EVIDENCE).astype(np.float32),
        ranker_map=rng.normal(size=(3 + EVIDENCE, 4)).astype(np.float32),
        channel_matrix=rng.normal(size=(7, 5)).astype(np.float32),
        event_of_edit=rng.integers(-1, 7, edits.EDIT_COUNT),
        row_of_touch_event=rng.integers(-1, 7, len(TOUCH_EVENTS)),
        lexicon_matrix=rng.normal(size=(9, 6)).astype(np.float32),
        bucket_of_word=rng.integers(-1, 9, VOCABULARY),
        literal_matrix=rng.normal(size=(len(literals.literal_events()), 3)).astype(np.float32),
        literal_odds=rng.normal(size=len(literals.literal_events())).astype(np.float32),
    )


def spellings(typed: str, candidates: int) -> Int64:
    """Return the symbols of `typed`, less one letter for every candidate after the first, padded."""
    rows = np.zeros((candidates, max(len(typed), 1)), dtype=np.int64)
    for k in range(candidates):
        symbols = spelling.symbols(typed[k:])
        rows[k, : len(symbols)] = symbols
    return rows


def evidence(rng: np.random.Generator, candidates: int) -> Float32:
    """Return random evidence; the first candidate is the literal: known, own or new."""
    table = rng.normal(size=(candidates, EVIDENCE)).astype(np.float32)
    table[:, LITERAL] = 0.0
    table[0, rng.choice(LITERAL)] = 1.0
    return table


def feed(seed: int, candidates: int, typed: str, widths: tuple[int, int, int, int]) -> Feed:
    """Return random inputs; widths: adapter weights of channel, lexicon, ranker, literal."""
    rng = np.random.default_rng(seed)
    channel, lexicon, ranker, literal = (rng.normal(size=width).astype(np.float32) for width in widths)
    wrong = rng.random((candidates, 6)) < 0.2
    return {
        "candidate": rng.integers(1, VOCABULARY, candidates),
        "language": -rng.exponential(6.0, candidates).astype(np.float32),
        "touch": rng.normal(size=candidates).astype(np.float32),
        "touch_events": rng.integers(-1, len(TOUCH_EVENTS), (candidates, seed % 4)),
        "spelling": spellings(typed, candidates),
        "edits": rng.integers(0, edits.EDIT_COUNT, (candidates, 6)) * wrong,
        "personal": (rng.random(candidates) * rng.integers(0, 2, candidates)).astype(np.float32),
        "base_share": (0.4 + rng.random(candidates)).astype(np.float32),
        "evidence": evidence(rng, candidates),
        "channel_weights": channel,
        "lexicon_weights": lexicon,
        "ranker_weights": ranker,
        "literal_weights": literal,
    }


@dataclass(frozen=True)
class Expected:
    """What the graph should return."""

    score: Float64
    features: Float64
    literal_event: int


def literal_event(given: Feed, spelled: float, base: Float64) -> int:
    """Return what the first candidate, the literal, is. spelled: log P of its spelling. base: [K] scores."""
    names = literals.literal_events()
    known, own, _ = given["evidence"][0, LITERAL] > 0
    if known or own:
        return names.index("known" if known else "own")
    best = 1 + int(base[1:].argmax()) if len(base) > 1 else 0
    changes = literals.changes_of_edits()[given["edits"][best]]
    made = [int(change) for change in changes if change >= 0]
    change = literals.Change(made[0]).name.lower() if len(made) == 1 else "two" if len(made) == 2 else "many"
    letters = int((given["spelling"][0] > 0).sum())
    length = "up to 4" if letters <= 4 else "5 to 6" if letters <= 6 else "from 7"
    usual = "odd" if spelled / max(letters, 1) <= literals.ODD else "usual"
    told = change in {"slip", "spelling", "omission"}
    return names.index(f"{change}, {length} letters" + (f", {usual}" if told else ""))


def in_numpy(language_parts: LanguageParts, blocks: AdapterParts, given: Feed) -> Expected:
    """Return score and features, candidate by candidate, and what the literal is."""
    rows, spelled = [], []
    for k, word in enumerate(given["candidate"]):
        symbols = given["spelling"][k]
        spelled.append(
            spelling.log_probability(
                language_parts.spelling, language_parts.spelling_scale, symbols[symbols > 0]
            )
        )
        words = float(given["language"][k]) + (spelled[k] if word == 1 else 0.0)
        channel = float(
            language_parts.channel[given["edits"][k]].astype(np.float64).sum() + given["touch"][k]
        )
        mixed = np.log(given["base_share"][k] + given["personal"][k] * np.exp(min(-words, graph.RAREST)))
        rows.append([words, channel, mixed, *given["evidence"][k]])
    features = np.array(rows)
    literal = literal_event(given, spelled[0], features @ blocks.base_weights)
    features[:, FEATURES.index("literal_new")] = 0.0
    features[0, FEATURES.index("literal_new")] = blocks.literal_odds[literal]
    score = features @ blocks.base_weights + features @ (blocks.ranker_map @ given["ranker_weights"])
    score[0] += blocks.literal_matrix[literal] @ given["literal_weights"]
    for k, word in enumerate(given["candidate"]):
        events = [blocks.event_of_edit[edit] for edit in given["edits"][k]]
        events += [blocks.row_of_touch_event[event] for event in given["touch_events"][k] if event >= 0]
        for event in events:
            if event >= 0:
                score[k] += blocks.channel_matrix[event] @ given["channel_weights"]
        bucket = blocks.bucket_of_word[word]
        if bucket >= 0:
            score[k] += blocks.lexicon_matrix[bucket] @ given["lexicon_weights"]
    return Expected(score, features, literal)


OUTPUTS = ["score", "features", "literal_events"]


@pytest.fixture(params=[OnnxNetwork, NumpyNetwork.load], ids=["ONNX Runtime", "numpy"])
def computed_by(request: pytest.FixtureRequest) -> Callable[[bytes], Network]:
    """What makes a network of a file."""
    kind: Callable[[bytes], Network] = request.param
    return kind


def model_of(blocks: AdapterParts) -> bytes:
    """Return the graph built from synthetic text."""
    content: bytes = graph.build(language(), blocks).SerializeToString()
    return content


@pytest.mark.parametrize("typed", ["teh", "don't", "é9-x", "a" * 40, "wether", ""])
def test_the_graph_computes_what_it_should(typed: str, computed_by: Callable[[bytes], Network]) -> None:
    """Scores and features of random inputs agree to single precision, with touches and without."""
    parts, blocks = language(), adapter(1)
    run = computed_by(model_of(blocks)).run
    for seed in range(20):
        given = feed(seed, 17, typed, (5, 6, 4, 3))
        given["candidate"][:3] = 1
        score, features, literal = run(OUTPUTS, given)
        expected = in_numpy(parts, blocks, given)
        assert literal.tolist() == [expected.literal_event, *[-1] * 16]
        np.testing.assert_allclose(features, expected.features, rtol=1e-4, atol=2e-3)
        np.testing.assert_allclose(score, expected.score, rtol=1e-4, atol=5e-3)


def test_zero_weights_leave_the_base_score(computed_by: Callable[[bytes], Network]) -> None:
    """An adapter at zero changes nothing."""
    blocks = adapter(2)
    given = feed(3, 5, "abc", (5, 6, 4, 3))
    for name in [name for name in given if name.endswith("_weights")]:
        given[name] = np.zeros_like(given[name])
    score, features, _ = computed_by(model_of(blocks)).run(OUTPUTS, given)
    np.testing.assert_allclose(score, features @ blocks.base_weights, rtol=1e-5)


def test_a_graph_without_blocks_scores(computed_by: Callable[[bytes], Network]) -> None:
    """One idle weight a block; the score is the weighted features."""
    base = np.array([1.0, 0.5, 0.3, 0.0, 1.0, 2.0, 0.0, 0.1], dtype=np.float32)
    blocks = graph.no_blocks(base, edits.EDIT_COUNT, VOCABULARY, literals.even_odds(0.5))
    for candidates in (1, 2):
        score, features, literal = computed_by(model_of(blocks)).run(
            OUTPUTS, feed(4, candidates, "q", (1, 1, 1, 1))
        )
        np.testing.assert_allclose(score, features @ base, rtol=1e-5)
        assert (features[:, FEATURES.index("literal_new")] == np.where(literal > 1, np.float32(0.5), 0)).all()


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (edits.substitution(0, 18), literals.Change.SLIP),  # a, s
        (edits.insertion(18, edits.InsertionKind.NEAR), literals.Change.SLIP),
        (edits.substitution(4, 0), literals.Change.SPELLING),  # e, a
        (edits.substitution(2, 10), literals.Change.SPELLING),  # c, k
        (edits.insertion(4, edits.InsertionKind.NEAR), literals.Change.SPELLING),
        (edits.insertion(18, edits.InsertionKind.REPEATED), literals.Change.SPELLING),
        (edits.omission(18, repeated=True), literals.Change.SPELLING),
        (edits.transposition(same_hand=True), literals.Change.SPELLING),
        (edits.omission(4, repeated=False), literals.Change.OMISSION),
        (edits.omission(edits.OTHER, repeated=False), literals.Change.OMISSION),
        (edits.substitution(16, 12), literals.Change.OTHER),  # q, m
    ],
)
def test_what_changed_a_word(edit: int, change: literals.Change) -> None:
    """A neighbouring key is a slip; what sounds alike and doubled letters are matters of spelling."""
    assert literals.changes_of_edits()[edit] == change


def test_numpy_refuses_what_it_does_not_know() -> None:
    """Another operator, an attribute that is not looked at, what is no graph: a typed error at loading."""
    model = graph.build(language(), adapter(1))
    node = next(node for node in model.graph.node if node.op_type == "Gather")
    for operator, attribute in (("GatherND", None), ("Gather", "batch_dims")):
        node.op_type = operator
        if attribute is not None:
            node.attribute.append(helper.make_attribute(attribute, 0))
        with pytest.raises(Untrusted) as refused:
            NumpyNetwork.load(model.SerializeToString())
        assert refused.value.code is ErrorCode.BUNDLE_UNTRUSTED
    content = model_of(adapter(1))
    for spoilt in (b"", b"\0", content[:-1], content[:1000], b"\xff" * 100):
        with pytest.raises(Untrusted):
            NumpyNetwork.load(spoilt)


def test_sums_of_eight_bits_are_exact() -> None:
    """The largest codes and weights, more of them than a float32 can count, add up to the last unit."""
    rng = np.random.default_rng(5)
    matrix = rng.integers(-127, 128, (704, 9)).astype(np.int8)
    matrix[:, 0], matrix[:, 1] = 127, -127
    codes = rng.integers(0, 256, (3, 704)).astype(np.uint8)
    codes[0] = 255
    nodes = [helper.make_node("MatMulInteger", ["codes", "matrix", "zero"], ["sums"])]
    given = [
        helper.make_tensor_value_info("codes", TensorProto.UINT8, ["B", 704]),
        helper.make_tensor_value_info("zero", TensorProto.UINT8, []),
    ]
    out = [helper.make_tensor_value_info("sums", TensorProto.INT32, ["B", 9])]
    made = helper.make_graph(nodes, "sums", given, out, [numpy_helper.from_array(matrix, "matrix")])
    network = NumpyNetwork.load(helper.make_model(made).SerializeToString())
    for zero in (0, 7, 255):
        (sums,) = network.run(["sums"], {"codes": codes, "zero": np.array(zero, np.uint8)})
        assert np.array_equal(sums, (codes.astype(np.int64) - zero) @ matrix.astype(np.int64))
