"""The networks' graphs in numpy: what computes them where there is no ONNX Runtime, as on phones.

It knows the operators that our tools write, each as onnx.ai/onnx/operators defines it, and no other. Sums of
int8 products are exact, as ONNX Runtime's are: in float32, in parts that are so short that no sum leaves the
integers a float32 holds. Exponentials are numpy's, which differ in the last bit; where that tips a value to
the next of 256 steps, a log-probability moves by about 0.001.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.bundle.onnx_file import DTYPES, GraphFile, Node, Shape, read_graph
from quietkeys_protocol.errors import ErrorCode, Untrusted

Array = NDArray[Any]
Operation = Callable[..., Array | Sequence[Array]]
_EXACT: Final = 512  # products of 255 by 127 whose sum is below 2^24


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, and the names of what it takes and gives."""

    operation: Operation
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class NumpyNetwork:
    """A graph that was read; see `quietkeys.bundle.networks.Network`."""

    steps: tuple[Step, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]

    @classmethod
    def load(cls, model: bytes) -> NumpyNetwork:
        """Return the network in ONNX bytes. Raises Untrusted (BUNDLE_UNTRUSTED)."""
        graph = read_graph(model)
        constants = dict(graph.constants)
        steps = tuple(_step(node, graph, constants) for node in graph.nodes)
        return cls(steps, constants, graph.inputs, graph.outputs)

    def run(self, wanted: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
        """Return what is wanted, computed of a feed."""
        values: dict[str, Any] = {**self.constants, **feed}
        for step in self.steps:
            result = step.operation(*[values[name] for name in step.inputs])
            if len(step.outputs) == 1:
                values[step.outputs[0]] = result
            else:
                values.update(zip(step.outputs, result, strict=True))
        return [values[name] for name in wanted]


def _step(node: Node, graph: GraphFile, constants: dict[str, Array]) -> Step:
    """Return the step of a node; what it can prepare of constants, it puts beside them."""
    inputs = tuple(node.inputs)
    if node.operator == "MatMulInteger":
        left, right, zero = inputs
        real = f"{right} as float32"
        if right not in graph.constants:
            raise _unknown(node.operator)
        constants[real] = np.ascontiguousarray(graph.constants[right], np.float32)
        inputs = (left, real, zero)
    made = _OPERATORS.get(node.operator)
    if made is None or not set(node.attributes) <= _ATTRIBUTES.get(node.operator, set()):
        raise _unknown(node.operator)
    settings: dict[str, Any] = dict(node.attributes)
    if node.operator == "Split":
        settings["parts"] = len(node.outputs)
    return Step(partial(made, **settings) if settings else made, inputs, node.outputs)


def _unknown(operator: str) -> Untrusted:
    return Untrusted(ErrorCode.BUNDLE_UNTRUSTED, f"a graph has an operator that is not known: {operator}")


def _quantized(x: Array) -> tuple[Array, Array, Array]:
    """DynamicQuantizeLinear: uint8 codes, their scale, and the code of zero."""
    low, high = np.float32(min(0.0, x.min(initial=0.0))), np.float32(max(0.0, x.max(initial=0.0)))
    scale = np.float32((high - low) / np.float32(255.0)) if high > low else np.float32(1.0)
    zero = np.rint(np.clip(-low / scale, np.float32(0.0), np.float32(255.0)))
    codes = np.clip(np.rint(x / scale) + zero, np.float32(0.0), np.float32(255.0))
    return codes.astype(np.uint8), np.array(scale), np.array(zero, np.uint8)


def _integer_product(codes: Array, matrix: Array, zero: Array) -> Array:
    """MatMulInteger of uint8 codes [*, K] with int8 weights [K, N], here as float32; exact."""
    left = codes.astype(np.float32) - np.float32(zero)
    parts = range(0, matrix.shape[0], _EXACT)
    sums = [left[:, at : at + _EXACT] @ matrix[at : at + _EXACT] for at in parts]
    if len(sums) == 1:
        return np.asarray(sums[0])
    total: Array = np.sum([part.astype(np.int32) for part in sums], axis=0, dtype=np.int32)
    return total


def _cast(x: Array, to: int) -> Array:
    found: Array = x.astype(DTYPES[to])
    return found


def _gather(x: Array, index: Array, axis: int = 0) -> Array:
    return np.take(x, index, axis)


def _reduced(how: Callable[..., Array], x: Array, axes: Any = None, keepdims: int = 1) -> Array:
    over = None if axes is None else tuple(int(axis) for axis in axes)
    return np.asarray(how(x, axis=over, keepdims=bool(keepdims)))


def _sum(x: Array, axes: Array | None = None, keepdims: int = 1) -> Array:
    return _reduced(partial(np.sum, dtype=x.dtype), x, axes, keepdims)


def _largest(x: Array, axes: Any = None, keepdims: int = 1) -> Array:
    return _reduced(np.max, x, axes, keepdims)


def _argmax(x: Array, axis: int = 0, keepdims: int = 1) -> Array:
    return np.asarray(np.argmax(x, axis=axis, keepdims=bool(keepdims)))


def _concatenated(*parts: Array, axis: int) -> Array:
    return np.concatenate(parts, axis)


def _slice(x: Array, starts: Array, ends: Array, axes: Array) -> Array:
    cut = [slice(None)] * x.ndim
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        cut[axis] = slice(start, end)
    return x[tuple(cut)]


def _pad(x: Array, pads: Array) -> Array:
    """Pad with zeros; pads: [2 rank], all begins and then all ends."""
    return np.pad(x, pads.reshape(2, -1).T)


def _split(x: Array, parts: int, axis: int = 0) -> list[Array]:
    return np.split(x, parts, axis)


def _transposed(x: Array, perm: list[int]) -> Array:
    return np.transpose(x, perm)


def _unsqueezed(x: Array, axes: Array) -> Array:
    return np.expand_dims(x, tuple(axes.tolist()))


def _squeezed(x: Array, axes: Array) -> Array:
    return np.squeeze(x, tuple(axes.tolist()))


def _sigmoid(x: Array) -> Array:
    """By tanh, which neither overflows nor loses what is small."""
    half = np.float32(0.5)
    result: Array = half * np.tanh(half * x) + half
    return result


def _log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return result


_OPERATORS: Final[Mapping[str, Operation]] = {
    "Add": np.add,
    "ArgMax": _argmax,
    "Cast": _cast,
    "Concat": _concatenated,
    "Div": np.divide,
    "DynamicQuantizeLinear": _quantized,
    "Equal": np.equal,
    "Exp": np.exp,
    "Gather": _gather,
    "Greater": np.greater,
    "Less": np.less,
    "Log": np.log,
    "LogSoftmax": _log_softmax,
    "MatMul": np.matmul,
    "MatMulInteger": _integer_product,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Or": np.logical_or,
    "Pad": _pad,
    "ReduceMax": _largest,
    "ReduceSum": _sum,
    "Sigmoid": _sigmoid,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeezed,
    "Sub": np.subtract,
    "Tanh": np.tanh,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
    "Where": np.where,
}
_ATTRIBUTES: Final[Mapping[str, set[str]]] = {
    "ArgMax": {"axis", "keepdims"},
    "Cast": {"to"},
    "Concat": {"axis"},
    "Gather": {"axis"},
    "LogSoftmax": {"axis"},
    "ReduceMax": {"axes", "keepdims"},
    "ReduceSum": {"keepdims"},
    "Split": {"axis"},
    "Transpose": {"perm"},
}
