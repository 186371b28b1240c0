"""How much of what decides a look-up is noise, and how much of it comes of cutting evaluation keys.

Variances on a torus of length 1, by the formulas of Chillotti, Gama, Georgieva, Izabachene (J. Cryptology 33,
2020) that Concrete's optimizer has, for binary keys: a bootstrap of n input bits, l levels to base B, with
noise of variance v in its key,

    n l (k + 1) N (B^2 + 2) / 12 v  +  n (1 + k N / 2) / (24 B^2l)

of which the first part is the key's own and grows with the base; a key switch likewise; and rounding to the
bootstrap's modulus of 2 N. Cut bodies are as if the key had the variance of rounding besides. A look-up reads
a sum of earlier ones: its squared norm says of how many, each times what it is multiplied with.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc
from typing import Final

from quietkeys_protocol.cut_keys import KEPT_BYTES, WORD
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.specification import Specification, circuit_name

CUT_BITS: Final = 8 * (WORD - KEPT_BYTES)
MAX_CUT_SHARE: Final = 0.01  # of a look-up's variance: it moves an error of 2^-40 to 2^-39.6
MAX_LEVELS: Final = 1  # of a bootstrap key: another one doubles it
ROUNDED: Final = 2.0  # times p_error by these formulas, which are not the compiler's to the last digit
TORUS_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Noise:
    """The variance of what a look-up reads, by where it comes from."""

    keys: float
    digits: float
    cut: float
    keyswitch: float
    rounding: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.keys + self.digits + self.cut + self.keyswitch + self.rounding

    @property
    def cut_share(self) -> float:
        """The share that cutting adds to what there is without it."""
        return self.cut / (self.total - self.cut)


def noise_of(specification: Specification, squared_norm: float, cut_bits: int = CUT_BITS) -> Noise:
    """Return the noise of a look-up on a sum of bootstrap results of this squared norm."""
    ((bootstrap,), (keyswitch,)) = specification.bootstrap_keys, specification.keyswitch_keys
    k, size, n = bootstrap.glwe_dimension, bootstrap.polynomial_size, bootstrap.input_dimension
    base, levels = 2.0**bootstrap.base_log, bootstrap.levels
    gain = n * levels * (k + 1) * size * (base**2 + 2) / 12
    digits = n * (1 + k * size / 2) / (24 * base ** (2 * levels))
    cut = 4.0 ** (cut_bits - TORUS_BITS) / 12 if cut_bits else 0.0
    base, levels, big = 2.0**keyswitch.base_log, keyswitch.levels, keyswitch.input_dimension
    switch = big * levels * (base**2 + 2) / 12
    return Noise(
        keys=squared_norm * gain * bootstrap.variance,
        digits=squared_norm * digits,
        cut=squared_norm * gain * cut + switch * cut,
        keyswitch=switch * keyswitch.variance + big / 2 / (12 * base ** (2 * levels)),
        rounding=(n / 2 + 1) / 12 / (2 * size) ** 2,
    )


def squared_norm(block: Block) -> float:
    """Return the largest squared norm of what a look-up of a block reads, in earlier look-ups.

    z = A u, and u has lost A^T pull in every step before; the plane's bit is one more. The sums of several
    sources add nothing to it: they are of inputs.
    """
    overlap = block.A @ block.A.T  # [M, M]
    each = float((overlap**2).sum(axis=1).max())
    return block.planes * max(0, block.steps - 2) * each + 1.0


def result_norm(block: Block) -> float:
    """Return the largest squared norm of a weight, in look-ups: each of an event times its entry of A."""
    return block.planes * (block.steps - 1) * float((block.A**2).sum(axis=0).max())


@dataclass(frozen=True, slots=True)
class Margin:
    """How many standard deviations of noise fit where nothing may go wrong.

    look_up: into half an entry of a table. result: into half of the last bit that is declared of a weight.
    """

    look_up: float
    result: float

    @property
    def p_error(self) -> float:
        """The probability that noise passes the smaller of both."""
        return erfc(min(self.look_up, self.result) / 2.0**0.5)


def margin_of(specification: Specification, block: Block) -> Margin:
    """Return the margin of a block under the parameters that the compiler took."""
    (circuit,) = (one for one in specification.circuits if one.name == circuit_name(block))
    read = noise_of(specification, squared_norm(block))
    delivered = noise_of(specification, result_norm(block))
    result = delivered.keys + delivered.digits
    (weights,) = circuit.outputs
    return Margin(
        look_up=2.0 ** -(block.z_top_bits + 3) / read.total**0.5,  # the plane's bit, a free one, half
        result=2.0 ** -(weights.width + 2) / result**0.5,
    )


def check_parameters(specification: Specification, plan: Plan) -> None:
    """Refuse parameters that the compiler took but nobody should.

    It is asked for a probability of error and says nothing of what that costs; where it is told of a cost
    that cannot be kept, it drops that in silence. So what it took is read back. Raises `Refused`
    (PLAN_INVALID).
    """
    if any(key.levels > MAX_LEVELS for key in specification.bootstrap_keys):
        raise Refused(ErrorCode.PLAN_INVALID, "its keys have two levels, and twice the size")
    if cut_share(specification, plan) > MAX_CUT_SHARE:
        raise Refused(ErrorCode.PLAN_INVALID, "cut keys add too much noise")
    for block in plan.blocks:
        if margin_of(specification, block).p_error > ROUNDED * plan.p_error:
            raise Refused(ErrorCode.PLAN_INVALID, f"block {block.name}: noise above its probability of error")


def cut_share(specification: Specification, plan: Plan) -> float:
    """Return the most that cut keys add to the variance of any look-up of a plan, as a share of it."""
    return max(noise_of(specification, squared_norm(block)).cut_share for block in plan.blocks)
