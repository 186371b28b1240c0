"""The int8 ONNX graph of the language model: one step of B sequences, and N full distributions.

    inputs   symbol int64 [B]; ngrams int64 [B, G], all BUCKETS for a word that has a symbol of its own;
             state float [B, H]; cell float [B, H]; wanted int64 [N], the rows whose distribution is wanted
    outputs  next_state [B, H]; next_cell [B, H]; log_probability float [N, V], nats

One matrix of words serves input and output. Every matrix is int8 with a scale per row of weights; what is
multiplied with it is quantized on the fly to uint8 with one scale (DynamicQuantizeLinear), so that the sums
are exact integers. No wanted row: nothing of the size of the vocabulary is computed, which is what a word in
the middle of a context costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quietkeys.arrays import Float32, Int8
from quietkeys.bundle.networks import BUCKETS

OPSET = 17
IR_VERSION = 8  # the newest that onnxruntime 1.18 and older phones' runtimes share


@dataclass(frozen=True, slots=True)
class Weights:
    """Trained weights.

    words [V, d], ngrams [BUCKETS, d], input_gates [4H, d], state_gates [4H, H], gate_bias [4H], query
    [d, H], query_bias [d], word_bias [V]. Gates in the order i, f, g, o.
    """

    words: Float32
    ngrams: Float32
    input_gates: Float32
    state_gates: Float32
    gate_bias: Float32
    query: Float32
    query_bias: Float32
    word_bias: Float32


def quantize_rows(matrix: Float32) -> tuple[Int8, Float32]:
    """Return (int8 [N, M], scale [N]) with matrix close to int8 * scale[:, None]."""
    scale = np.maximum(np.abs(matrix).max(1), 1e-12) / 127.0
    codes = np.clip(np.rint(matrix / scale[:, None]), -127, 127).astype(np.int8)
    return codes, scale.astype(np.float32)


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Any) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> Any:
        names = [f"{name or operator.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        if name and outputs == 1:
            names = [name]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def product(self, left: str, name: str, matrix: Float32) -> str:
        """Return left [*, M] times the transposed matrix [N, M]: [*, N]."""
        codes, scale = quantize_rows(matrix)
        return self.int8_product(
            left, self.constant(f"{name}_int8", codes.T), self.constant(f"{name}_scale", scale)
        )

    def int8_product(self, left: str, codes: str, scale: str) -> str:
        quantized, step, zero = self.add("DynamicQuantizeLinear", left, outputs=3)
        sums = self.add("MatMulInteger", quantized, codes, zero)
        real = self.add("Cast", sums, to=TensorProto.FLOAT)
        return self.add("Mul", real, self.add("Mul", step, scale))  # type: ignore[no-any-return]


def build(weights: Weights) -> onnx.ModelProto:
    """Return the checked model."""
    graph = _Graph()
    codes, scale = quantize_rows(weights.words)
    words = graph.constant("words_int8", codes.T)  # [d, V]
    word_scale = graph.constant("words_scale", scale)
    read = _read(graph, words, word_scale, weights)
    gates = graph.add(
        "Add",
        graph.add(
            "Add",
            graph.product(read, "input_gates", weights.input_gates),
            graph.product("state", "state_gates", weights.state_gates),
        ),
        graph.constant("gate_bias", weights.gate_bias),
    )
    inward, forget, candidate, outward = graph.add("Split", gates, outputs=4, axis=1)
    kept = graph.add("Mul", graph.add("Sigmoid", forget), "cell")
    new = graph.add("Mul", graph.add("Sigmoid", inward), graph.add("Tanh", candidate))
    graph.add("Add", kept, new, name="next_cell")
    graph.add("Mul", graph.add("Sigmoid", outward), graph.add("Tanh", "next_cell"), name="next_state")
    rows = graph.add("Gather", "next_state", "wanted")  # [N, H]
    query = graph.add(
        "Add", graph.product(rows, "query", weights.query), graph.constant("query_bias", weights.query_bias)
    )
    logits = graph.add(
        "Add", graph.int8_product(query, words, word_scale), graph.constant("word_bias", weights.word_bias)
    )
    graph.add("LogSoftmax", logits, axis=1, name="log_probability")
    return _model(graph, weights)


def _read(graph: _Graph, words: str, word_scale: str, weights: Weights) -> str:
    """Return what is read [B, d]: the word's own row, or the mean of its n-grams."""
    axis = graph.constant("axis_1", np.array([1], np.int64))
    own = graph.add("Cast", graph.add("Gather", words, "symbol", axis=1), to=TensorProto.FLOAT)  # [d, B]
    own = graph.add("Mul", own, graph.add("Gather", word_scale, "symbol"))
    own = graph.add("Transpose", own, perm=[1, 0])  # [B, d]
    none = np.zeros((1, weights.ngrams.shape[1]), np.float32)
    codes, scale = quantize_rows(np.vstack([weights.ngrams, none]))
    parts = graph.add(
        "Cast", graph.add("Gather", graph.constant("ngrams_int8", codes), "ngrams"), to=TensorProto.FLOAT
    )  # [B, G, d]
    steps = graph.add("Gather", graph.constant("ngrams_scale", scale), "ngrams")  # [B, G]
    last = graph.constant("axis_2", np.array([2], np.int64))
    parts = graph.add("Mul", parts, graph.add("Unsqueeze", steps, last))
    present = graph.add("Less", "ngrams", graph.constant("none", np.array(BUCKETS, np.int64)))
    present = graph.add("Cast", present, to=TensorProto.FLOAT)
    count = graph.add("ReduceSum", present, axis, keepdims=1)  # [B, 1]
    one = graph.constant("one", np.array(1.0, np.float32))
    mean = graph.add("Div", graph.add("ReduceSum", parts, axis, keepdims=0), graph.add("Max", count, one))
    spelled = graph.add("Greater", count, graph.constant("zero", np.array(0.0, np.float32)))
    return graph.add("Where", spelled, mean, own)  # type: ignore[no-any-return]


def _model(graph: _Graph, weights: Weights) -> onnx.ModelProto:
    states = weights.state_gates.shape[1]
    value = helper.make_tensor_value_info
    inputs = [
        value("symbol", TensorProto.INT64, ["B"]),
        value("ngrams", TensorProto.INT64, ["B", "G"]),
        value("state", TensorProto.FLOAT, ["B", states]),
        value("cell", TensorProto.FLOAT, ["B", states]),
        value("wanted", TensorProto.INT64, ["N"]),
    ]
    outputs = [
        value("next_state", TensorProto.FLOAT, ["B", states]),
        value("next_cell", TensorProto.FLOAT, ["B", states]),
        value("log_probability", TensorProto.FLOAT, ["N", len(weights.words)]),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "language", inputs, outputs, list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model
