"""The public parameters of an app's device: a plan, the client specification pinned for it, what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.sgd_plan import SgdPlan
from quietkeys_protocol.sgd_specification import check_sgd_specification, circuit_of, sgd_frames
from quietkeys_protocol.specification import Specification, parse_specification
from quietkeys_protocol.templates import Frames


@dataclass(frozen=True, slots=True)
class SgdParameters:
    """What `SgdParameters.of` has found safe to encrypt under. All public."""

    plan: SgdPlan
    specification: Specification
    frames: Frames
    security_bits: int

    @classmethod
    def of(cls, plan: bytes, specification: bytes, pinned: str) -> Self:
        """Return the parameters of a plan's canonical form.

        pinned: the SHA-256 of the specification that the app ships, hex. Raises `Refused` (PLAN_INVALID) for
        a plan that is none, or whose p_error it does not accept by name, and `Untrusted`
        (SPECIFICATION_UNTRUSTED) for another specification, another plan's, and below 128 bits.
        """
        parsed_plan = SgdPlan.parse(plan)
        parsed = parse_specification(specification)
        if parsed.hash != pinned:
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "not the pinned one")
        bits = check_sgd_specification(parsed, parsed_plan)
        return cls(parsed_plan, parsed, sgd_frames(parsed, parsed_plan), bits)

    @property
    def circuit(self) -> str:
        """The name of the circuit of a batch."""
        return circuit_of(self.specification).name
