"""The client specification: what keys and ciphertexts are made by, read as a stranger's and refused if weak.

Concrete obeys its specification without a word: one that declares an input plaintext, noise of variance zero
or a dimension of 16 is carried out as written. So both sides read it through this closed schema first.
Everything is checked that the secrecy of a ciphertext rests on: what is encrypted, under which key, with how
much noise. It is the JSON of Concrete's `ProgramInfo`; the fields for TFHE-rs of its archive are refused.

The curves are Concrete 2.10's own (lattice estimator, cost model RC.BDGL16), as its run-time library holds
them: log2 of the noise's standard deviation, as a share of the modulus, is at least slope * n + bias.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, prod
from typing import Final, NoReturn

from quietkeys_protocol.errors import ErrorCode, Untrusted

MAX_SPECIFICATION_BYTES: Final = 1 << 20  # one of ours has 20 KB
MAX_SCALARS: Final = 1 << 14  # of one input or output
MAX_WIDTH: Final = 24  # bits of a message
WORD_BITS: Final = 64  # of every integer of keys and ciphertexts
MODULUS_BITS: Final = 64
SEEDED_WORDS: Final = 3  # a compressed scalar: a seed of two words and the body
# Concrete computes variances with another library's pow. A millionth of a variance is 10^-6 bits of noise.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """The least noise that keeps LWE with binary keys of dimension n at a level of security.

    `adds_floor`: the curve is added to the floor of four units of the modulus, instead of the larger of both.
    """

    bits: int
    slope: float
    bias: float
    smallest_dimension: int
    adds_floor: bool

    def satisfied(self, dimension: int, variance: float) -> bool:
        """Whether LWE of this dimension and variance (share of the modulus, squared) has `bits` bits."""
        if dimension < self.smallest_dimension:
            return False
        curve: float = 2.0 ** (2.0 * (self.slope * dimension + self.bias))
        floor: float = 2.0 ** (-2.0 * (MODULUS_BITS - 2))
        least = curve + floor if self.adds_floor else max(curve, floor)
        return variance >= least * (1.0 - TOLERANCE)


CURVES: Final = (
    Curve(128, -0.025696778711484593, 2.675931372549016, 450, adds_floor=False),
    Curve(132, -0.024891456582633045, 2.65734593837534, 450, adds_floor=True),
)


@dataclass(frozen=True, slots=True)
class Noise:
    """One kind of LWE sample that a stranger sees: the dimension of its key and the variance of its noise."""

    where: str
    dimension: int
    variance: float


@dataclass(frozen=True, slots=True)
class Gate:
    """One encrypted input or output: `shape` of the messages, each of `width` bits, under key `key_id`."""

    shape: tuple[int, ...]
    width: int
    signed: bool
    key_id: int
    dimension: int
    seeded: bool

    @property
    def size(self) -> int:
        """The number of encrypted integers."""
        return prod(self.shape)

    @property
    def payload_bytes(self) -> int:
        """Bytes of the ciphertexts, framing excluded."""
        return self.size * (SEEDED_WORDS if self.seeded else self.dimension + 1) * WORD_BITS // 8


@dataclass(frozen=True, slots=True)
class Circuit:
    """One function that the service may run: what goes in and what comes out, all encrypted."""

    name: str
    inputs: tuple[Gate, ...]
    outputs: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Specification:
    """A client specification that passed: secret keys as (id, dimension), circuits, and all noise in use."""

    secret_keys: tuple[tuple[int, int], ...]
    circuits: tuple[Circuit, ...]
    noises: tuple[Noise, ...]

    @classmethod
    def parse(cls, specification: bytes) -> Specification:
        """The specification of Concrete's JSON (`ProgramInfo`).

        Raises `Untrusted` (SPECIFICATION_UNTRUSTED) for anything but the closed schema, and below 128 bits.
        """
        if len(specification) > MAX_SPECIFICATION_BYTES:
            _refuse("size")
        try:
            tree = json.loads(specification, object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "not JSON") from error
        top = _members(tree, "specification", "keyset", "circuits")
        keyset = _members(
            top["keyset"],
            "keyset",
            *("lweSecretKeys", "lweBootstrapKeys", "lweKeyswitchKeys", "packingKeyswitchKeys"),
        )
        secrets = dict(_secret_key(key) for key in _array(keyset["lweSecretKeys"], "secret keys"))
        _require(len(secrets) == len(_array(keyset["lweSecretKeys"], "secret keys")) > 0, "secret key ids")
        noises = [
            *_evaluation_keys(keyset["lweBootstrapKeys"], "bootstrap key", _BOOTSTRAP, secrets),
            *_evaluation_keys(keyset["lweKeyswitchKeys"], "keyswitch key", _KEYSWITCH, secrets),
            *_evaluation_keys(keyset["packingKeyswitchKeys"], "packing key", _PACKING, secrets),
        ]
        trees = _array(top["circuits"], "circuits")
        circuits = tuple(_circuit(circuit, secrets, noises) for circuit in trees)
        _require(len({circuit.name for circuit in circuits}) == len(circuits) > 0, "circuit names")
        parsed = cls(tuple(secrets.items()), circuits, tuple(noises))
        security_bits(parsed)
        return parsed

    def circuit(self, name: str) -> Circuit:
        """The circuit of this name; `Untrusted` if there is none."""
        found = [circuit for circuit in self.circuits if circuit.name == name]
        _require(bool(found), f"no circuit {name}")
        return found[0]


def security_bits(specification: Specification) -> int:
    """The highest curve that every sample of a specification satisfies; `Untrusted` if there is none."""
    weak = {curve.bits: _weak(specification, curve) for curve in CURVES}
    satisfied = [bits for bits, where in weak.items() if not where]
    _require(bool(satisfied), f"{weak[min(weak)]}: too little noise, or too small")
    return max(satisfied)


def _weak(specification: Specification, curve: Curve) -> str:
    """The first thing that a curve does not allow, or nothing."""
    for key, dimension in specification.secret_keys:
        if dimension < curve.smallest_dimension:
            return f"secret key {key}"
    for noise in specification.noises:
        if not curve.satisfied(noise.dimension, noise.variance):
            return noise.where
    return ""


_COMMON: Final = ("levelCount", "baseLog", "variance", "integerPrecision", "modulus", "keyType")
_BOOTSTRAP: Final = (*_COMMON, "glweDimension", "polynomialSize", "inputLweDimension")
_KEYSWITCH: Final = (*_COMMON, "inputLweDimension", "outputLweDimension")
_PACKING: Final = (*_BOOTSTRAP, "innerLweDimension")


def _secret_key(tree: object) -> tuple[int, int]:
    key = _members(tree, "secret key", "id", "params")
    where = f"secret key {_integer(key['id'], 'id', 0, 255)}"
    params = _members(key["params"], where, "lweDimension", "integerPrecision", "keyType")
    _check_binary_words(params, where)
    return _integer(key["id"], "id", 0, 255), _integer(params["lweDimension"], where, 1, 1 << 17)


def _evaluation_keys(
    tree: object, kind: str, fields: tuple[str, ...], secrets: dict[int, int]
) -> Iterator[Noise]:
    seen: set[int] = set()
    for entry in _array(tree, kind):
        key = _members(entry, kind, "id", "inputId", "outputId", "params", "compression")
        number = _integer(key["id"], kind, 0, 255)
        where = f"{kind} {number}"
        _require(number not in seen, f"{where}: id")
        seen.add(number)
        _require(key["compression"] in ("none", "seed"), f"{where}: compression")
        params = _members(key["params"], where, *fields)
        _check_binary_words(params, where)
        _check_native(params["modulus"], where)
        levels, base = (_integer(params[name], where, 1, 64) for name in ("levelCount", "baseLog"))
        _require(levels * base <= WORD_BITS, f"{where}: levels")
        into = _key_dimension(key["inputId"], secrets, where)
        out = _key_dimension(key["outputId"], secrets, where)
        if "polynomialSize" in fields:
            size = _integer(params["polynomialSize"], where, 256, 1 << 17)
            _require(size & (size - 1) == 0, f"{where}: polynomial size")
            dimension = _integer(params["glweDimension"], where, 1, 16) * size
        else:
            dimension = _integer(params["outputLweDimension"], where, 1, 1 << 17)
        _require(dimension == out, f"{where}: output dimension")
        for name in {"inputLweDimension", "innerLweDimension"} & set(fields):
            _require(_integer(params[name], where, 1, 1 << 17) == into, f"{where}: input dimension")
        yield Noise(where, dimension, _variance(params["variance"], where))


def _circuit(tree: object, secrets: dict[int, int], noises: list[Noise]) -> Circuit:
    parts = _members(tree, "circuit", "inputs", "outputs", "name")
    name = parts["name"]
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 64:
        _refuse("circuit name")
    gates: dict[str, tuple[Gate, ...]] = {}
    for side in ("inputs", "outputs"):
        found = []
        for position, entry in enumerate(_array(parts[side], f"{name}: {side}")):
            where = f"{name}: {side}[{position}]"
            gate, noise = _gate(entry, where, secrets)
            noises.append(noise)
            found.append(gate)
        gates[side] = tuple(found)
    _require(bool(gates["inputs"] and gates["outputs"]), f"{name}: empty")
    _require(not any(gate.seeded for gate in gates["outputs"]), f"{name}: compressed output")
    return Circuit(name, gates["inputs"], gates["outputs"])


def _gate(tree: object, where: str, secrets: dict[int, int]) -> tuple[Gate, Noise]:
    parts = _members(tree, where, "rawInfo", "typeInfo")
    kind = _members(parts["typeInfo"], f"{where} is not encrypted", "lweCiphertext")["lweCiphertext"]
    lwe = _members(
        kind,
        where,
        *("abstractShape", "concreteShape", "integerPrecision", "encryption", "compression", "encoding"),
    )
    encryption = _members(lwe["encryption"], where, "keyId", "variance", "lweDimension", "modulus")
    _check_native(encryption["modulus"], where)
    dimension = _integer(encryption["lweDimension"], where, 1, 1 << 17)
    _require(dimension == _key_dimension(encryption["keyId"], secrets, where), f"{where}: dimension")
    encoding = _members(lwe["encoding"], f"{where}: encoding", "integer")["integer"]
    integer = _members(encoding, where, "width", "isSigned", "mode")
    mode = _members(integer["mode"], f"{where}: encoding", "native")["native"]
    _members(mode, where)
    _require(type(integer["isSigned"]) is bool, f"{where}: sign")
    _require(lwe["compression"] in ("none", "seed"), f"{where}: compression")
    shape = _shape(lwe["abstractShape"], where)
    gate = Gate(
        shape=shape,
        width=_integer(integer["width"], where, 1, MAX_WIDTH),
        signed=bool(integer["isSigned"]),
        key_id=_integer(encryption["keyId"], where, 0, 255),
        dimension=dimension,
        seeded=lwe["compression"] == "seed",
    )
    _require(1 <= gate.size <= MAX_SCALARS, f"{where}: size")
    concrete = (*shape, SEEDED_WORDS if gate.seeded else dimension + 1)
    raw = _members(parts["rawInfo"], where, "shape", "integerPrecision", "isSigned")
    _require(_shape(lwe["concreteShape"], where) == concrete, f"{where}: shape")
    _require(_shape(raw["shape"], where) == concrete, f"{where}: shape")
    _require(raw["isSigned"] is False, f"{where}: sign of the raw words")
    for words in (lwe["integerPrecision"], raw["integerPrecision"]):
        _integer(words, f"{where}: word size", WORD_BITS, WORD_BITS)
    return gate, Noise(where, dimension, _variance(encryption["variance"], where))


def _check_binary_words(params: dict[str, object], where: str) -> None:
    _require(params["keyType"] == "binary", f"{where}: not a binary key")
    _integer(params["integerPrecision"], f"{where}: word size", WORD_BITS, WORD_BITS)


def _check_native(tree: object, where: str) -> None:
    # The union and its member are each an object: {"modulus": {"native": {}}}.
    modulus = _members(tree, f"{where}: modulus", "modulus")["modulus"]
    _members(_members(modulus, f"{where}: modulus", "native")["native"], where)


def _key_dimension(tree: object, secrets: dict[int, int], where: str) -> int:
    number = _integer(tree, where, 0, 255)
    _require(number in secrets, f"{where}: no secret key {number}")
    return secrets[number]


def _variance(tree: object, where: str) -> float:
    if type(tree) is not float or not isfinite(tree) or not 0.0 < tree < 1.0:
        _refuse(f"{where}: variance")
    return tree


def _shape(tree: object, where: str) -> tuple[int, ...]:
    sizes = _array(_members(tree, where, "dimensions")["dimensions"], f"{where}: shape")
    return tuple(_integer(size, f"{where}: shape", 1, 1 << 20) for size in sizes)


def _members(tree: object, where: str, *names: str) -> dict[str, object]:
    if not isinstance(tree, dict) or tree.keys() != set(names):
        _refuse(f"{where}: fields")
    return tree


def _array(tree: object, where: str) -> list[object]:
    if not isinstance(tree, list) or len(tree) > 1024:
        _refuse(where)
    return tree


def _integer(tree: object, where: str, low: int, high: int) -> int:
    if type(tree) is not int or not low <= tree <= high:
        _refuse(where)
    return tree


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    _require(len(members) == len(pairs), "a repeated field")
    return members


def _require(holds: bool, what: str) -> None:
    if not holds:
        _refuse(what)


def _refuse(what: str) -> NoReturn:
    raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, what)


__all__ = [
    "CURVES",
    "Circuit",
    "Curve",
    "Gate",
    "Noise",
    "Specification",
    "security_bits",
]
