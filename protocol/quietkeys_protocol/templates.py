"""The frames of a plan, written from its client specification alone: nobody needs samples, or a key.

Concrete's values and keys are Cap'n Proto messages whose structure depends only on the specification; what
differs between two senders is payload, lists of bytes of known length. A message with the right frame cannot
steer its parser: all its pointers, lengths and type descriptions are ours.

Layout (words of 8 bytes, little-endian): a segment table, then segments. Structures follow each other in the
order in which they are pointed to. In a value, the description of the encoding has a segment of its own; in a
key set, every payload has one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from quietkeys_protocol.cut_keys import SEED_BYTES, KeyForm
from quietkeys_protocol.cut_values import sent_frame
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.framing import Frame, Literal
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.specification import BootstrapKey, KeyswitchKey, Specification, Value

WORD: Final = 8
_PRECISION: Final = 64  # bits of an integer that carries a torus element
_EMPTY_STRUCT: Final = 0xFFFF_FFFC  # a pointer to a structure without content, here: the native modulus
_FIRST_WORDS: Final = 1024  # of a message's first segment
_BYTES, _INT32, _POINTERS, _COMPOSITE = 2, 4, 6, 7  # element kinds of a list


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a plan: evaluation keys in both forms, a report's and an update's values in order.

    results: what the circuits yield, of which `update` is sent (`quietkeys_protocol.cut_values`).
    """

    key_form: KeyForm
    report: tuple[Frame, ...]
    results: tuple[Frame, ...]
    update: tuple[Frame, ...]

    @property
    def keys(self) -> Frame:
        """The frame of evaluation keys as they are sent and stored."""
        return self.key_form.sent


def value_frame(value: Value) -> Frame:
    """Return the frame of a serialized encrypted array: one payload of `size` x `words` 64-bit integers."""
    payload = value.size * value.words * WORD
    body = Segment()
    root = body.structure(None, [], 3)
    body.payload(body.pointers(body.structure(root, [], 1), [0]), payload)
    raw = body.structure(root + 1, [two_words(_PRECISION, 0)], 1)
    body.integers(body.structure(raw, [], 1), [*value.shape, value.words])
    kind = body.structure(root + 2, [0], 1)
    lwe = body.structure(kind, [two_words(_PRECISION, int(value.seeded))], 4)
    body.integers(body.structure(lwe, [], 1), list(value.shape))
    body.integers(body.structure(lwe + 1, [], 1), [*value.shape, value.words])
    noise = [two_words(value.key_id, value.dimension), _bits(value.variance)]
    body.words[body.structure(body.structure(lwe + 2, noise, 1), [0], 1)] = _EMPTY_STRUCT
    body.words[lwe + 3] = _far(1, 0)
    encoding = Segment()
    encoding.words[encoding.structure(None, [two_words(value.width, int(value.signed))], 1)] = _EMPTY_STRUCT
    return message_frame([body, encoding])


def key_frame(specification: Specification) -> Frame:
    """Return the frame of evaluation keys as Concrete has them: a bootstrap and a keyswitch key.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where a specification has another number of them.
    """
    if (len(specification.bootstrap_keys), len(specification.keyswitch_keys)) != (1, 1):
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "number of evaluation keys")
    return key_set_frame(specification)


def key_set_frame(specification: Specification) -> Frame:
    """Return the frame of evaluation keys as Concrete has them, however many they are."""
    arena = _Arena()
    body = arena.segments[0]
    root = body.structure(None, [], 3)
    lists = (map(_bootstrap, specification.bootstrap_keys), map(_keyswitch, specification.keyswitch_keys))
    for position, keys in enumerate(map(list, lists)):
        first = body.elements(root + position, count=len(keys), pointers=2)
        for number, (shape, payload) in enumerate(keys):
            ids, parameters = shape
            element = first + 2 * number
            key = body.structure(body.structure(element, ids, 1), parameters, 1)
            body.words[body.structure(key, [0], 1)] = _EMPTY_STRUCT
            body.pointers(body.structure(element + 1, [], 1), [arena.payload(payload)])
    body.elements(root + 2, count=0, pointers=2)
    return message_frame(arena.segments)


def frames_of(specification: Specification, plan: Plan) -> Frames:
    """Return all frames of a plan, whose specification has passed `security.check_specification`."""
    circuits = specification.ordered(plan)
    results = tuple(value_frame(value) for circuit in circuits for value in circuit.outputs)
    return Frames(
        key_form=KeyForm(key_frame(specification)),
        report=tuple(value_frame(value) for circuit in circuits for value in circuit.inputs),
        results=results,
        update=tuple(map(sent_frame, results)),
    )


def _bootstrap(key: BootstrapKey) -> tuple[tuple[list[int], list[int]], int]:
    """Return ((ids, parameters), payload bytes).

    The payload is a seed and the bodies of all encrypted key bits.
    """
    ids = [two_words(key.key_id, key.input_id), two_words(key.output_id, 1)]
    parameters = [
        two_words(key.levels, key.base_log),
        two_words(key.glwe_dimension, key.polynomial_size),
        _bits(key.variance),
        two_words(_PRECISION, 0),
        two_words(key.input_dimension, 0),
    ]
    bodies = key.input_dimension * key.levels * (key.glwe_dimension + 1) * key.polynomial_size
    return (ids, parameters), SEED_BYTES + bodies * WORD


def _keyswitch(key: KeyswitchKey) -> tuple[tuple[list[int], list[int]], int]:
    """Return ((ids, parameters), payload bytes), as for a bootstrap key."""
    ids = [two_words(key.key_id, key.input_id), two_words(key.output_id, 1)]
    parameters = [
        two_words(key.levels, key.base_log),
        _bits(key.variance),
        two_words(_PRECISION, 0),
        two_words(key.input_dimension, key.output_dimension),
    ]
    return (ids, parameters), SEED_BYTES + key.input_dimension * key.levels * WORD


class Segment:
    """A segment under construction: words by index, and between them payloads, which have no words."""

    def __init__(self) -> None:
        self.length = 0  # words, payloads included
        self.words: dict[int, int] = {}

    def structure(self, pointer: int | None, content: list[int], pointers: int) -> int:
        """Add a structure and point to it (without `pointer`: from a new word); return its first pointer."""
        if pointer is None:
            pointer = self._add([0])
        start = self._add(content + [0] * pointers)
        self.words[pointer] = (start - pointer - 1) << 2 | len(content) << 32 | pointers << 48
        return start + len(content)

    def integers(self, pointer: int, values: list[int]) -> None:
        """Add a list of 32-bit integers."""
        pairs = [*values, 0][: len(values) + len(values) % 2]
        words = [two_words(a, b) for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
        self._list(pointer, _INT32, len(values), words)

    def pointers(self, pointer: int, targets: list[int]) -> int:
        """Add a list of pointers; return the first of them."""
        return self._list(pointer, _POINTERS, len(targets), targets)

    def elements(self, pointer: int, count: int, pointers: int) -> int:
        """Add a list of structures without content; return the first element's first pointer."""
        words = [count << 2 | pointers << 48] + [0] * (count * pointers)
        return self._list(pointer, _COMPOSITE, count * pointers, words) + 1

    def payload(self, pointer: int | None, size: int) -> None:
        """Add a list of `size` bytes, of which nothing is known."""
        if pointer is None:
            pointer = self._add([0])
        self._list(pointer, _BYTES, size, [])
        self.length += -(-size // WORD)

    def _list(self, pointer: int, kind: int, count: int, words: list[int]) -> int:
        start = self._add(words)
        self.words[pointer] = 1 | (start - pointer - 1) << 2 | kind << 32 | count << 35
        return start

    def _add(self, words: list[int]) -> int:
        start = self.length
        self.words |= dict(enumerate(words, start))
        self.length += len(words)
        return start


class _Arena:
    """Where Cap'n Proto puts payloads, none of which fits its first segment.

    A new segment is as large as all before it together, or as what has to go there if that is more; the room
    that is left in the last one is used first.
    """

    def __init__(self) -> None:
        self.segments = [Segment()]
        self._next = _FIRST_WORDS
        self._room = 0  # of the last segment, in words

    def payload(self, size: int) -> int:
        """Add a payload of `size` bytes; return the far pointer to it."""
        words = 1 + -(-size // WORD)  # and the pointer that is pointed to
        if words <= _FIRST_WORDS:
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "a short evaluation key")
        if words > self._room:
            self.segments.append(Segment())
            self._room = max(words, self._next)
            self._next += self._room
        segment = self.segments[-1]
        self._room -= words
        start = segment.length
        segment.payload(None, size)
        return _far(len(self.segments) - 1, start)


def message_frame(segments: list[Segment]) -> Frame:
    """Return the frame of a message of these segments."""
    table = struct.pack(f"<I{len(segments)}I", len(segments) - 1, *(s.length for s in segments))
    head = table.ljust(-(-len(table) // WORD) * WORD, b"\0")
    literals = [(0, head)]
    start = len(head)
    for segment in segments:
        for index, word in sorted(segment.words.items()):
            offset, literal = literals[-1]
            at = start + index * WORD
            if at == offset + len(literal):
                literals[-1] = (offset, literal + struct.pack("<Q", word))
            else:
                literals.append((at, struct.pack("<Q", word)))
        start += segment.length * WORD
    return Frame(start, tuple(Literal(offset, content) for offset, content in literals))


def two_words(low: int, high: int) -> int:
    """Return two 32-bit integers as one word."""
    return low | high << 32


def _bits(real: float) -> int:
    bits: int = struct.unpack("<Q", struct.pack("<d", real))[0]
    return bits


def _far(segment: int, word: int) -> int:
    return 2 | word << 3 | segment << 32
