"""The client specification: which keys a device makes and how it encrypts, read against a closed schema.

It is the compiler's own description of a circuit (JSON), and an encryption library obeys it in silence: an
input declared plaintext is sent in clear, a variance of zero encrypts nothing. So only the shape that our
circuits have is accepted here, as values; whether its numbers are safe is for
`quietkeys_protocol.security`. Anything else, another key order included, is refused, because it is not what
was compiled from a plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, prod
from typing import Final, NoReturn, TypeVar

from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Block, Plan

MAX_BYTES: Final = 1 << 20
MAX_COUNT: Final = 64  # keys, circuits, values of a circuit
MAX_DIMENSION: Final = 1 << 20
MAX_AXES: Final = 3
_NATIVE: Final[dict[str, object]] = {"modulus": {"native": {}}}  # arithmetic modulo 2^64

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A binary LWE secret key of `dimension` bits."""

    key_id: int
    dimension: int


@dataclass(frozen=True, slots=True)
class BootstrapKey:
    """The bits of key `input_id`, encrypted under key `output_id` seen as `glwe_dimension` polynomials."""

    key_id: int
    input_id: int
    output_id: int
    levels: int
    base_log: int
    glwe_dimension: int
    polynomial_size: int
    input_dimension: int
    variance: float


@dataclass(frozen=True, slots=True)
class KeyswitchKey:
    """The bits of key `input_id`, encrypted under key `output_id`."""

    key_id: int
    input_id: int
    output_id: int
    levels: int
    base_log: int
    input_dimension: int
    output_dimension: int
    variance: float


@dataclass(frozen=True, slots=True)
class Value:
    """An encrypted array of integers of `width` bits; `seeded` if its masks travel as seeds.

    shape: one axis where counts are trained, three where batches of examples are.
    """

    shape: tuple[int, ...]
    width: int
    signed: bool
    seeded: bool
    key_id: int
    dimension: int
    variance: float

    @property
    def size(self) -> int:
        """How many integers it has."""
        return prod(self.shape)

    @property
    def words(self) -> int:
        """64-bit words of one ciphertext: a 128-bit seed and a body, or a mask and a body."""
        return 3 if self.seeded else self.dimension + 1


@dataclass(frozen=True, slots=True)
class Circuit:
    """One function: all its inputs are encrypted and seeded, all its outputs encrypted in full."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Specification:
    """A client specification in our shape; `canonical` is its one encoding, which devices pin by hash."""

    secret_keys: tuple[SecretKey, ...]
    bootstrap_keys: tuple[BootstrapKey, ...]
    keyswitch_keys: tuple[KeyswitchKey, ...]
    circuits: tuple[Circuit, ...]
    canonical: bytes

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical encoding, 64 hex digits, which bundles pin."""
        return hashlib.sha256(self.canonical).hexdigest()

    def ordered(self, plan: Plan) -> tuple[Circuit, ...]:
        """Return the circuits in the order of the plan's blocks.

        Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where they are not the plan's.
        """
        circuits = {circuit.name: circuit for circuit in self.circuits}
        names = [circuit_name(block) for block in plan.blocks]
        _require(sorted(names) == sorted(circuit.name for circuit in self.circuits), "names of circuits")
        return tuple(circuits[name] for name in names)


def circuit_name(block: Block) -> str:
    """Return the name of the circuit that trains a block."""
    return f"train_{block.name}"


def canonical_specification(compiled: bytes) -> bytes:
    """Return the canonical encoding of what a compiler wrote: sorted keys, no spaces.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where it is not JSON.
    """
    return json.dumps(_tree(compiled), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse_specification(canonical: bytes) -> Specification:
    """Return the specification of a canonical encoding.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) for any other shape than our circuits have.
    """
    _require(len(canonical) <= MAX_BYTES, "size")
    _require(canonical_specification(canonical) == canonical, "not in canonical form")
    whole = _Object(_tree(canonical), "specification")
    keys = whole.member("keyset")
    specification = Specification(
        secret_keys=keys.array("lweSecretKeys", _secret_key),
        bootstrap_keys=keys.array("lweBootstrapKeys", _bootstrap_key),
        keyswitch_keys=keys.array("lweKeyswitchKeys", _keyswitch_key),
        circuits=whole.array("circuits", _circuit),
        canonical=canonical,
    )
    _require(keys.take("packingKeyswitchKeys") == [], "packing keys")
    keys.done()
    whole.done()
    return specification


class _Object:
    """A JSON object from which every key has to be taken."""

    def __init__(self, tree: object, what: str) -> None:
        if not isinstance(tree, dict):
            _refuse(f"{what} is not an object")
        self._rest = dict(tree)
        self._what = what

    def take(self, key: str) -> object:
        """Return the member, whatever it is."""
        _require(key in self._rest, f"{self._what} without {key}")
        return self._rest.pop(key)

    def member(self, key: str) -> _Object:
        """Return the member, an object."""
        return _Object(self.take(key), key)

    def array(self, key: str, parse: Callable[[_Object], T]) -> tuple[T, ...]:
        """Return the member, a list of objects."""
        members = self.take(key)
        if not isinstance(members, list) or len(members) > MAX_COUNT:
            _refuse(f"{key} is not a short list")
        return tuple(parse(_Object(member, key)) for member in members)

    def integer(self, key: str, low: int = 0, high: int = MAX_DIMENSION) -> int:
        """Return the member, an integer from `low` to `high`."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            _refuse(f"{key} is not an integer in range")
        return value

    def real(self, key: str) -> float:
        """Return the member, a finite real number."""
        value = self.take(key)
        if type(value) is not float or not isfinite(value):
            _refuse(f"{key} is not a real number")
        return value

    def flag(self, key: str) -> bool:
        """Return the member, true or false."""
        value = self.take(key)
        if type(value) is not bool:
            _refuse(f"{key} is not true or false")
        return value

    def literal(self, key: str, expected: object) -> None:
        """Require the member to be exactly this."""
        value = self.take(key)
        _require(type(value) is type(expected) and value == expected, f"{key} of {self._what}")

    def done(self) -> None:
        """Require that nothing is left."""
        _require(not self._rest, f"unknown keys in {self._what}")


def _secret_key(tree: _Object) -> SecretKey:
    params = tree.member("params")
    key = SecretKey(tree.integer("id"), params.integer("lweDimension", low=1))
    params.literal("integerPrecision", 64)
    params.literal("keyType", "binary")
    params.done()
    tree.done()
    return key


def _bootstrap_key(tree: _Object) -> BootstrapKey:
    params = tree.member("params")
    key = BootstrapKey(
        key_id=tree.integer("id"),
        input_id=tree.integer("inputId"),
        output_id=tree.integer("outputId"),
        levels=params.integer("levelCount", 1, 64),
        base_log=params.integer("baseLog", 1, 64),
        glwe_dimension=params.integer("glweDimension", low=1),
        polynomial_size=params.integer("polynomialSize", low=1),
        input_dimension=params.integer("inputLweDimension", low=1),
        variance=params.real("variance"),
    )
    _end_of_key(tree, params)
    return key


def _keyswitch_key(tree: _Object) -> KeyswitchKey:
    params = tree.member("params")
    key = KeyswitchKey(
        key_id=tree.integer("id"),
        input_id=tree.integer("inputId"),
        output_id=tree.integer("outputId"),
        levels=params.integer("levelCount", 1, 64),
        base_log=params.integer("baseLog", 1, 64),
        input_dimension=params.integer("inputLweDimension", low=1),
        output_dimension=params.integer("outputLweDimension", low=1),
        variance=params.real("variance"),
    )
    _end_of_key(tree, params)
    return key


def _end_of_key(tree: _Object, params: _Object) -> None:
    params.literal("integerPrecision", 64)
    params.literal("keyType", "binary")
    params.literal("modulus", _NATIVE)
    params.done()
    tree.literal("compression", "seed")
    tree.done()


def _circuit(tree: _Object) -> Circuit:
    name = tree.take("name")
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 64:
        _refuse("the name of a circuit")
    circuit = Circuit(name, tree.array("inputs", _input), tree.array("outputs", _output))
    tree.done()
    return circuit


def _input(tree: _Object) -> Value:
    return _value(tree, seeded=True)


def _output(tree: _Object) -> Value:
    return _value(tree, seeded=False)


def _value(tree: _Object, seeded: bool) -> Value:
    kind = tree.member("typeInfo")
    lwe = kind.member("lweCiphertext")  # anything else is a plaintext or not ours
    encryption, encoding = lwe.member("encryption"), lwe.member("encoding")
    integer = encoding.member("integer")
    value = Value(
        shape=_shape(lwe.member("abstractShape")),
        width=integer.integer("width", 1, 62),
        signed=integer.flag("isSigned"),
        seeded=seeded,
        key_id=encryption.integer("keyId"),
        dimension=encryption.integer("lweDimension", low=1),
        variance=encryption.real("variance"),
    )
    shape = {"dimensions": [*value.shape, value.words]}
    integer.literal("mode", {"native": {}})
    encryption.literal("modulus", _NATIVE)
    lwe.literal("compression", "seed" if seeded else "none")
    lwe.literal("concreteShape", shape)
    lwe.literal("integerPrecision", 64)
    raw = tree.member("rawInfo")
    raw.literal("shape", shape)
    raw.literal("integerPrecision", 64)
    raw.literal("isSigned", False)
    for part in (integer, encoding, encryption, lwe, kind, raw, tree):
        part.done()
    return value


def _shape(tree: _Object) -> tuple[int, ...]:
    dimensions = tree.take("dimensions")
    tree.done()
    if not isinstance(dimensions, list) or not 1 <= len(dimensions) <= MAX_AXES:
        _refuse("the axes of a value")
    _require(all(type(n) is int and 1 <= n <= MAX_DIMENSION for n in dimensions), "the length of an axis")
    shape = tuple(dimensions)
    _require(prod(shape) <= MAX_DIMENSION, "the length of a value")
    return shape


def _tree(encoded: bytes) -> object:
    try:
        return json.loads(encoded, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "not JSON") from error


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _refuse(what: str) -> NoReturn:
    raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, what)


def _require(holds: bool, what: str) -> None:
    if not holds:
        _refuse(what)
