"""Reads the graph of an ONNX file: nodes, constants and the shapes of inputs and outputs, nothing else.

ONNX is a protocol buffer. What is read of it is the few fields below, by the numbers they have in onnx.proto;
others are skipped. Bundles are signed, so that what arrives here was made by our own tools; what they would
not write is refused all the same. Raises Untrusted (BUNDLE_UNTRUSTED).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys_protocol.errors import ErrorCode, Untrusted

Array = NDArray[Any]
Shape = tuple[int | str, ...]  # a name is a dimension that calls may choose
Field = tuple[int, int | bytes]  # number, value

DTYPES: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<f4"),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype(np.bool_),
}  # TensorProto.DataType
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_LONGEST: Final = 10  # bytes of a varint


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. attributes: integers, lists of integers and floats, by name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GraphFile:
    """nodes: in an order in which they can be computed. inputs, outputs: their shapes, in order."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


def read_graph(model: bytes) -> GraphFile:
    """Return the graph of a model."""
    try:
        ((_, graph),) = [field for field in _fields(model) if field[0] == 7]
        found: dict[int, list[bytes]] = {}
        for number, value in _fields(_bytes(graph)):
            if isinstance(value, bytes):
                found.setdefault(number, []).append(value)
        return GraphFile(
            nodes=tuple(map(_node, found.get(1, ()))),
            constants=dict(map(_tensor, found.get(5, ()))),
            inputs=dict(map(_shape, found.get(11, ()))),
            outputs=dict(map(_shape, found.get(12, ()))),
        )
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "a graph cannot be read") from error


def _fields(content: bytes) -> Iterator[Field]:
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(content, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(content, at)
        else:
            size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[wire]
        if at + size > len(content):
            raise ValueError("cut off")
        yield number, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST):
        byte = content[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("a number without an end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _integers(values: list[int | bytes]) -> list[int]:
    """Return the values of a repeated integer field, packed or not."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(_signed(value))
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            found.append(_signed(one))
    return found


def _grouped(content: bytes) -> dict[int, list[int | bytes]]:
    found: dict[int, list[int | bytes]] = {}
    for number, value in _fields(content):
        found.setdefault(number, []).append(value)
    return found


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("an integer for bytes")
    return value


def _texts(values: list[int | bytes]) -> tuple[str, ...]:
    return tuple(_bytes(value).decode() for value in values)


def _node(content: bytes) -> Node:
    found = _grouped(content)
    (operator,) = _texts(found[4])
    attributes = dict(_attribute(_bytes(value)) for value in found.get(5, ()))
    return Node(operator, _texts(found.get(1, [])), _texts(found.get(2, [])), attributes)


def _attribute(content: bytes) -> tuple[str, Any]:
    found = _grouped(content)
    (name,) = _texts(found[1])
    if 3 in found:
        return name, _integers(found[3])[0]
    if 2 in found:
        return name, float(struct.unpack("<f", _bytes(found[2][0]))[0])
    return name, _integers(found[8])


def _tensor(content: bytes) -> tuple[str, Array]:
    found = _grouped(content)
    (name,), (kind,) = _texts(found[8]), _integers(found[2])
    return name, np.frombuffer(_bytes(found[9][0]), DTYPES[kind]).reshape(_integers(found.get(1, [])))


def _shape(content: bytes) -> tuple[str, Shape]:
    found = _grouped(content)
    (name,) = _texts(found[1])
    tensor = _grouped(_bytes(_grouped(_bytes(found[2][0]))[1][0]))
    dimensions = _grouped(_bytes(tensor[2][0])).get(1, []) if 2 in tensor else []
    return name, tuple(_dimension(_bytes(one)) for one in dimensions)


def _dimension(content: bytes) -> int | str:
    found = _grouped(content)
    return _integers(found[1])[0] if 1 in found else _texts(found[2])[0]
