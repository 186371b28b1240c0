"""Whether a client specification is safe to encrypt under, and how many bits of security it has.

Used by both sides: the device before it makes keys, the trainer before it serves a plan. `security_bits` is
read from the parameters of every key, input and output, never assumed.

The rule is Concrete's: a curve sigma(n) = 2^(slope n + bias) fitted to the lattice estimator (RC.BDGL16,
binary secrets, modulus 2^64), valid from dimension 450, with a floor of 2 bits on the noise in 64. A key or
ciphertext of dimension n has at least the security of the curve if its noise is at least the curve's. The
constants are those that the run-time library of Concrete 2.10 holds: it has curves for 128 and 132 bits and
no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import accumulator_bits
from quietkeys_protocol.specification import Specification

MIN_SECURITY_BITS: Final = 128
MIN_DIMENSION: Final = 450
MIN_VARIANCE: Final = 2.0**-124  # 2 bits of noise below 2^64, squared and relative to 1
MAX_VARIANCE: Final = 2.0**-28  # noise of 2^50 below 2^64; with more nothing could be decrypted
TORUS_BITS: Final = 64
MAX_P_ERROR: Final = 2.0**-40  # of one look-up; a plan says it, a specification does not
_ROUNDING: Final = 1.0 - 1e-9  # the compiler computes the same formula in another language


@dataclass(frozen=True, slots=True)
class Curve:
    """The least noise for a security level: variance 2^(2 (slope n + bias)) of a torus of length 1.

    `adds_floor`: the floor is added to the curve, instead of taking the larger of both.
    """

    bits: int
    slope: float
    bias: float
    adds_floor: bool

    def admits(self, dimension: int, variance: float) -> bool:
        """Return whether this noise is enough in this dimension."""
        curve: float = 2.0 ** (2 * (self.slope * dimension + self.bias))
        least = curve + MIN_VARIANCE if self.adds_floor else max(curve, MIN_VARIANCE)
        return dimension >= MIN_DIMENSION and variance >= least * _ROUNDING


CURVES: Final = (
    Curve(132, -0.024891456582633045, 2.65734593837534, adds_floor=True),
    Curve(128, -0.025696778711484593, 2.675931372549016, adds_floor=False),
)


@dataclass(frozen=True, slots=True)
class Noise:
    """What hides something: noise of a variance under a key of a dimension."""

    what: str
    dimension: int
    variance: float


def noises(specification: Specification) -> Iterator[Noise]:
    """Yield the noise of everything that is encrypted: evaluation keys, inputs, and what outputs declare."""
    for bootstrap in specification.bootstrap_keys:
        dimension = bootstrap.glwe_dimension * bootstrap.polynomial_size
        yield Noise(f"bootstrap key {bootstrap.key_id}", dimension, bootstrap.variance)
    for keyswitch in specification.keyswitch_keys:
        yield Noise(f"keyswitch key {keyswitch.key_id}", keyswitch.output_dimension, keyswitch.variance)
    for circuit in specification.circuits:
        for position, value in enumerate(circuit.inputs + circuit.outputs):
            yield Noise(f"value {position} of {circuit.name}", value.dimension, value.variance)


def security_bits(specification: Specification, most: float = MAX_VARIANCE) -> int:
    """Return the highest curve that every key and input satisfies. most: variance that nothing exceeds.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where that is none, naming the first that falls short.
    """
    levels = []
    for noise in noises(specification):
        _require(noise.variance <= most, f"{noise.what} has too much noise")
        bits = [curve.bits for curve in CURVES if curve.admits(noise.dimension, noise.variance)]
        _require(bool(bits), f"{noise.what} has too little noise for its dimension")
        levels.append(max(bits))
    return min(levels)


def check_specification(specification: Specification, plan: Plan) -> int:
    """Return the security level in bits of a specification that is safe and belongs to the plan.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where keys do not fit each other, a value does not fit its
    key, noise is too small, or the circuits are not those of the plan for one source.
    """
    bits = check_keys(specification)
    _check_circuits(specification, plan)
    return bits


def check_keys(specification: Specification, most: float = MAX_VARIANCE) -> int:
    """Return the security level in bits of a specification that is safe, whatever its circuits compute.

    most: variance that nothing exceeds; what has more could not be computed with.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where keys do not fit each other, a value does not fit its
    key, or noise is too small.
    """
    _check_fit(specification)
    bits = security_bits(specification, most)
    _require(bits >= MIN_SECURITY_BITS, "security level")
    return bits


def _check_fit(specification: Specification) -> None:
    dimensions = {key.key_id: key.dimension for key in specification.secret_keys}
    _require(len(dimensions) == len(specification.secret_keys), "two secret keys of one id")
    _require(
        all(dimension >= MIN_DIMENSION for dimension in dimensions.values()), "a secret key is too short"
    )
    _require(
        bool(specification.bootstrap_keys and specification.keyswitch_keys), "evaluation keys are missing"
    )
    for bootstrap in specification.bootstrap_keys:
        lengths = (bootstrap.input_dimension, bootstrap.glwe_dimension * bootstrap.polynomial_size)
        found = (dimensions.get(bootstrap.input_id), dimensions.get(bootstrap.output_id))
        _require(lengths == found, f"bootstrap key {bootstrap.key_id} does not fit its secret keys")
        _require(bootstrap.levels * bootstrap.base_log <= TORUS_BITS, "levels of a bootstrap key")
    for keyswitch in specification.keyswitch_keys:
        lengths = (keyswitch.input_dimension, keyswitch.output_dimension)
        found = (dimensions.get(keyswitch.input_id), dimensions.get(keyswitch.output_id))
        _require(lengths == found, f"keyswitch key {keyswitch.key_id} does not fit its secret keys")
        _require(keyswitch.levels * keyswitch.base_log <= TORUS_BITS, "levels of a keyswitch key")
    for circuit in specification.circuits:
        for value in circuit.inputs + circuit.outputs:
            _require(dimensions.get(value.key_id) == value.dimension, "a value does not fit its secret key")


def _check_circuits(specification: Specification, plan: Plan) -> None:
    for block, circuit in zip(plan.blocks, specification.ordered(plan), strict=True):
        (strength, gradient), weights = block.sent, block.returned
        bits = accumulator_bits(block)
        expected = [
            ((strength.size,), strength.high.bit_length(), False),
            ((gradient.size,), bits, True),
        ]
        found = [(value.shape, value.width, value.signed) for value in circuit.inputs]
        _require(found == expected, f"the inputs of {circuit.name}")
        _require(
            [value.shape for value in circuit.outputs] == [(weights.size,)],
            f"the outputs of {circuit.name}",
        )


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, what)
