"""What a round of a plan takes, as far as it can be said without compiling it, or which rule it breaks."""

from __future__ import annotations

from quietkeys_protocol.check import FRAME_BYTES, SEEDED_BYTES, check_plan
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan, TrainingPlan
from quietkeys_protocol.sgd_plan import SgdPlan


def cost_of(plan: TrainingPlan) -> str:
    """Return what a round takes, in lines for a person. Raises `Refused` (PLAN_INVALID)."""
    match plan:
        case Plan():
            return str(check_plan(plan))
        case SgdPlan():
            return _of_batches(plan)
        case _:
            raise Refused(ErrorCode.PLAN_INVALID, "recipe")


def _of_batches(plan: SgdPlan) -> str:
    sent = sum(FRAME_BYTES + field.size * SEEDED_BYTES for field in plan.report_fields)
    accepted = ", which it accepts" if plan.accepts_p_error else ""
    return (
        f"plan {plan.hash}\n{plan.width} features, {plan.batches} batches of {plan.batch} examples, "
        f"{plan.bits} bits, look-ups of {plan.rounding_bits}, p_error {plan.p_error:.3g}{accepted}\n"
        f"a round: report about {sent / 1e3:.0f} KB; keys and time are the compiler's to say: publish it"
    )
