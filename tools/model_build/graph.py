"""The ONNX graph that scores the candidates of one typed word.

    score = features . base + features . (ranker_map u_r)
          + sum over edits (channel_matrix u_c)[event of the edit]
          + sum over touches (channel_matrix u_c)[touch event] + (lexicon_matrix u_l)[bucket of the word]
          + (literal_matrix u_t)[literal event]

features = (language, channel, personal, evidence...): the log-probabilities (nats) of the language model (an
input; the spelling of unknown words is added here) and of the channel (a sum over the edits, on QWERTY; the
input `touch` is what touches and another layout add to it), and what mixing in the user's own word counts
adds to the former, log(base_share + personal / P(word | context)). The weights u are inputs, so that applying
an update never rewrites the model.

What a literal is (`literals`) is told here, where its spelling is known: of one that the lexicon lacks and
that was never kept, the feature `literal_new` is literal_odds[its event].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quietkeys.arrays import Float32, Float64, Int64, UInt8
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.events import EVIDENCE, FEATURES, LITERAL_KNOWN, LITERAL_OWN

from . import literals
from .quantize import Scale
from .spelling import ORDER, SYMBOLS

OPSET = 17
IR_VERSION = 8  # the newest that onnxruntime 1.18 and older phones' runtimes share
UNKNOWN_ID = 1
RAREST = 30.0  # nats; the mixture takes no word for less probable, so that it cannot overflow


@dataclass(frozen=True, slots=True)
class LanguageParts:
    """What the graph needs to score words: spelling table, edit log-probabilities."""

    spelling: UInt8  # [29, 29, 29, 29]
    spelling_scale: Scale
    channel: Float32  # [edits], 0 for padding


@dataclass(frozen=True, slots=True)
class AdapterParts:
    """What the graph needs to add the adapter: fixed matrices of every block, and the base weights.

    event_of_edit: [edits] row of channel_matrix or -1. row_of_touch_event: [len(TOUCH_EVENTS)] likewise.
    bucket_of_word: [V] row of lexicon_matrix or -1. literal_odds: [L] nats, 0 of what is known or own.
    """

    base_weights: Float32  # [3 + F]
    ranker_map: Float32  # [3 + F, dr]
    channel_matrix: Float32  # [Mc, dc]
    event_of_edit: Int64
    row_of_touch_event: Int64
    lexicon_matrix: Float32  # [Ml, dl]
    bucket_of_word: Int64
    literal_matrix: Float32  # [L, dt]
    literal_odds: Float32


def no_blocks(base_weights: Float32, edits: int, vocabulary: int, literal_odds: Float64) -> AdapterParts:
    """Return adapter parts with one idle weight a block: a graph that only scores."""
    features = len(base_weights)
    return AdapterParts(
        base_weights.astype(np.float32),
        np.zeros((features, 1), np.float32),
        np.zeros((1, 1), np.float32),
        np.full(edits, -1, np.int64),
        np.full(len(TOUCH_EVENTS), -1, np.int64),
        np.zeros((1, 1), np.float32),
        np.full(vocabulary, -1, np.int64),
        np.zeros((len(literal_odds), 1), np.float32),
        literal_odds.astype(np.float32),
    )


class _Builder:
    """Nodes and constants under unique names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic] | float | int | list[int]) -> str:
        """Add a named constant once; return its name."""
        if name not in (tensor.name for tensor in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integer(self, value: int) -> str:
        return self.constant(f"int_{value}", np.array(value, np.int64))

    def real(self, value: float) -> str:
        return self.constant(f"real_{float(value)!r}", np.array(value, np.float32))

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node with one output; return the output's name."""
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def decode(self, codes: str, scale: Scale) -> str:
        real = self.add("Cast", codes, to=TensorProto.FLOAT)
        return self.add("Sub", self.real(scale.high), self.add("Mul", real, self.real(scale.step)))

    def packed_key(self, *ids: str, vocabulary: int) -> str:
        """Return the number with these digits in base `vocabulary`."""
        key = ids[0]
        for part in ids[1:]:
            key = self.add("Add", self.add("Mul", key, self.integer(vocabulary)), part)
        return key


def _spelling(graph: _Builder, table: UInt8, scale: Scale) -> str:
    """Return log P(spelling) of every candidate [K]."""
    pads = graph.constant("boundaries", np.array([0, ORDER - 1, 0, 1], np.int64))
    padded = graph.add("Pad", "spelling", pads)  # [K, S + ORDER]
    axis = graph.constant("axis_1", np.array([1], np.int64))
    windows = []
    for at in range(ORDER):
        begin = graph.constant(f"window_{at}", np.array([at], np.int64))
        stop = np.array([at - ORDER + 1 if at < ORDER - 1 else 2**31 - 1], np.int64)
        windows.append(graph.add("Slice", padded, begin, graph.constant(f"window_end_{at}", stop), axis))
    index = graph.packed_key(*windows, vocabulary=SYMBOLS)
    codes = graph.add("Gather", graph.constant("spelling_table", table.reshape(-1)), index)
    inside = graph.add("Greater", graph.add("Add", windows[-2], windows[-1]), graph.integer(0))
    logs = graph.add("Where", inside, graph.decode(codes, scale), graph.real(0.0))
    return graph.add("ReduceSum", logs, axis, keepdims=0)


def _personal(graph: _Builder, words: str) -> str:
    """Return log(base_share + personal / P(word | context)) [K]."""
    rarest = graph.add("Min", graph.add("Neg", words), graph.real(RAREST))
    odds = graph.add("Mul", "personal", graph.add("Exp", rarest))
    return graph.add("Log", graph.add("Add", "base_share", odds))


def _block(graph: _Builder, name: str, matrix: Float32) -> str:
    """Return matrix u [M + 1]: the score of every event, and last that of none, 0."""
    product = graph.add("MatMul", graph.constant(f"{name}_matrix", matrix), f"{name}_weights")
    return graph.add("Concat", product, graph.constant("nothing", np.zeros(1, np.float32)), axis=0)


def _scores_of(graph: _Builder, block: str, events: int, rows: Int64, at: str) -> str:
    """Return block[row of each index], 0 for row -1 and for index -1, which counts from the end.

    events: rows of the block, without that of none.
    """
    closed = np.append(np.where(rows < 0, events, rows), events).astype(np.int32)
    return graph.add("Gather", block, graph.add("Gather", graph.constant(f"{at}_rows", closed), at))


def _literal_events(graph: _Builder, spelled: str, score: str) -> str:
    """Return what the literal is [K], -1 for all other candidates.

    spelled: log P(spelling) [K]. score: [K] at a zero adapter; the literal's own is not looked at.
    """
    known, own, unknown = (_is_set(graph, name) for name in ("literal_known", "literal_own", "literal_new"))
    literal = graph.add("Or", graph.add("Or", known, own), unknown)
    rivals = graph.add("Where", literal, graph.real(-1e9), score)
    edits = graph.add("Gather", "edits", graph.add("ArgMax", rivals, axis=0, keepdims=0))  # [P]
    there = graph.add("Cast", graph.add("Greater", "spelling", graph.integer(0)), to=TensorProto.FLOAT)
    letters = graph.add("ReduceSum", there, graph.constant("axis_1", np.array([1], np.int64)), keepdims=0)
    usual = graph.add("Div", spelled, graph.add("Max", letters, graph.real(1.0)))
    cell = _digit(graph, _change(graph, edits), letters, [cut + 0.5 for cut in literals.LONGEST])
    cell = _digit(graph, cell, usual, [literals.ODD])
    event = graph.add("Gather", graph.constant("event_of_cell", literals.events_of_cells()), cell)
    event = graph.add("Where", unknown, event, graph.integer(-1))
    event = graph.add("Where", own, graph.integer(LITERAL_OWN), event)
    return graph.add("Where", known, graph.integer(LITERAL_KNOWN), event, name="literal_events")


def _is_set(graph: _Builder, name: str) -> str:
    # Whether a column of the evidence is above zero [K].
    column = graph.add("Gather", "evidence", graph.integer(EVIDENCE.index(name)), axis=1)
    squeezed = graph.add("Squeeze", column, graph.constant("axis_1", np.array([1], np.int64)))
    return graph.add("Greater", squeezed, graph.real(0.0))


def _change(graph: _Builder, edits: str) -> str:
    # What kind of change edits [P] are together, [1].
    changes = graph.add("Gather", graph.constant("change_of_edit", literals.changes_of_edits()), edits)
    made = graph.add("Cast", graph.add("Greater", changes, graph.integer(-1)), to=TensorProto.INT64)
    count = graph.add("ReduceSum", made, keepdims=0)
    several = graph.add(
        "Where",
        graph.add("Equal", count, graph.integer(2)),
        graph.integer(literals.Change.TWO),
        graph.integer(literals.Change.MANY),
    )
    single = graph.add("ReduceMax", changes, keepdims=0)
    return graph.add("Where", graph.add("Equal", count, graph.integer(1)), single, several)


def _digit(graph: _Builder, number: str, values: str, cuts: Sequence[float]) -> str:
    # The number with one digit more: how many of the cuts lie below each value [K].
    number = graph.add("Mul", number, graph.integer(len(cuts) + 1))
    for cut in cuts:
        above = graph.add("Greater", values, graph.real(cut))
        number = graph.add("Add", number, graph.add("Cast", above, to=TensorProto.INT64))
    return number


def build(language: LanguageParts, adapter: AdapterParts) -> onnx.ModelProto:
    """Return the checked model. F is the length of base_weights less 3."""
    graph = _Builder()
    axis = graph.constant("axis_1", np.array([1], np.int64))
    spelled = _spelling(graph, language.spelling, language.spelling_scale)
    outside = graph.add("Equal", "candidate", graph.integer(UNKNOWN_ID))
    words = graph.add("Add", "language", graph.add("Where", outside, spelled, graph.real(0.0)))
    edit_logs = graph.add("Gather", graph.constant("channel_log_p", language.channel), "edits")
    channel = graph.add("Add", graph.add("ReduceSum", edit_logs, axis, keepdims=0), "touch")
    plain = graph.add(
        "Concat",
        graph.add("Unsqueeze", words, axis),
        graph.add("Unsqueeze", channel, axis),
        graph.add("Unsqueeze", _personal(graph, words), axis),
        "evidence",
        axis=1,
    )
    base = graph.constant("base_weights", adapter.base_weights)
    literal = _literal_events(graph, spelled, graph.add("MatMul", plain, base))
    odds = graph.constant("literal_odds", np.append(adapter.literal_odds, np.float32(0.0)))
    where = np.arange(len(adapter.base_weights)) == FEATURES.index("literal_new")
    graph.add(
        "Where",
        graph.constant("column_of_odds", where),
        graph.add("Unsqueeze", graph.add("Gather", odds, literal), axis),
        plain,
        name="features",
    )
    trust = graph.add("MatMul", graph.constant("ranker_map", adapter.ranker_map), "ranker_weights")
    score = graph.add("MatMul", "features", graph.add("Add", trust, base))
    habits, events = _block(graph, "channel", adapter.channel_matrix), len(adapter.channel_matrix)
    for at, rows in (("edits", adapter.event_of_edit), ("touch_events", adapter.row_of_touch_event)):
        scores = _scores_of(graph, habits, events, rows, at)
        score = graph.add("Add", score, graph.add("ReduceSum", scores, axis, keepdims=0))
    words, events = _block(graph, "lexicon", adapter.lexicon_matrix), len(adapter.lexicon_matrix)
    buckets = _scores_of(graph, words, events, adapter.bucket_of_word, "candidate")
    score = graph.add("Add", score, buckets)
    marks = graph.add("Gather", _block(graph, "literal", adapter.literal_matrix), literal)
    graph.add("Add", score, marks, name="score")
    return _model(graph, adapter)


def _model(graph: _Builder, adapter: AdapterParts) -> onnx.ModelProto:
    features = len(adapter.base_weights)
    value = helper.make_tensor_value_info
    inputs = [
        value("candidate", TensorProto.INT64, ["K"]),
        value("language", TensorProto.FLOAT, ["K"]),
        value("touch", TensorProto.FLOAT, ["K"]),
        value("touch_events", TensorProto.INT64, ["K", "W"]),
        value("spelling", TensorProto.INT64, ["K", "S"]),
        value("edits", TensorProto.INT64, ["K", "P"]),
        value("personal", TensorProto.FLOAT, ["K"]),
        value("base_share", TensorProto.FLOAT, ["K"]),
        value("evidence", TensorProto.FLOAT, ["K", features - 3]),
        value("channel_weights", TensorProto.FLOAT, [adapter.channel_matrix.shape[1]]),
        value("lexicon_weights", TensorProto.FLOAT, [adapter.lexicon_matrix.shape[1]]),
        value("ranker_weights", TensorProto.FLOAT, [adapter.ranker_map.shape[1]]),
        value("literal_weights", TensorProto.FLOAT, [adapter.literal_matrix.shape[1]]),
    ]
    outputs = [
        value("score", TensorProto.FLOAT, ["K"]),
        value("features", TensorProto.FLOAT, ["K", features]),
        value("literal_events", TensorProto.INT64, ["K"]),
    ]
    assembled = helper.make_graph(graph.nodes, "quietkeys", inputs, outputs, graph.constants)
    model = helper.make_model(assembled, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    model.producer_name = "quietkeys"
    onnx.checker.check_model(model, full_check=True)
    return model
