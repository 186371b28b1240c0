"""The client specification of a plan of the recipe `sgd`: whether it is safe, and the frames that follow.

It is the compiler's, as for counts; here it has one circuit, with four inputs (features, labels, weights,
intercept) and two outputs (weights, intercept), and as many keys as the compiler finds good. Keys and results
travel as Concrete writes them: the device that makes them here is Concrete, which rounds neither.
"""

from __future__ import annotations

from typing import Final

from quietkeys_protocol.containers import (
    MAX_REPORT_BYTES,
    MAX_UPDATE_BYTES,
    REPORT_OVERHEAD,
    UPDATE_OVERHEAD,
    VALUE_OVERHEAD,
)
from quietkeys_protocol.cut_keys import WORD, KeyForm
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.framing import Frame
from quietkeys_protocol.security import check_keys
from quietkeys_protocol.sgd_plan import SgdPlan
from quietkeys_protocol.specification import Circuit, Specification
from quietkeys_protocol.templates import Frames, key_set_frame, value_frame

MAX_VARIANCE: Final = 2.0**-17  # a key of the least dimension that is secure has 2^-17.7
MAX_KEY_BYTES: Final = 240 << 20  # what a trainer's child is handed at once, less the reports


def check_sgd_specification(specification: Specification, plan: SgdPlan) -> int:
    """Return the security level in bits of a specification that is safe and belongs to the plan.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) below 128 bits and as `security.check_specification`.
    """
    circuit = circuit_of(specification)
    batch, width = plan.batch, plan.width
    inputs = [(1, batch, width), (1, batch, 1), (1, width, 1), (1, 1, 1)]
    _require([value.shape for value in circuit.inputs] == inputs, "the inputs of the circuit")
    _require([value.shape for value in circuit.outputs] == inputs[2:], "the outputs of the circuit")
    features, labels, weights, _ = circuit.inputs
    _require((features.signed, labels.signed, weights.signed) == (True, False, True), "signs of inputs")
    _require(circuit.outputs[0].signed, "the sign of the weights")
    values = (features, labels, weights, circuit.outputs[0])
    _require(all(value.width >= plan.bits for value in values), "the width of a value")
    return check_keys(specification, MAX_VARIANCE)


def circuit_of(specification: Specification) -> Circuit:
    """Return the one circuit, of a batch. Raises `Untrusted` (SPECIFICATION_UNTRUSTED) for more."""
    _require(len(specification.circuits) == 1, "number of circuits")
    return specification.circuits[0]


def sgd_frames(specification: Specification, plan: SgdPlan) -> Frames:
    """Return all frames of a plan, whose specification has passed `check_sgd_specification`.

    Raises `Refused` (PLAN_INVALID) where its keys or its reports are larger than a trainer takes.
    """
    circuit = circuit_of(specification)
    features, labels, weights, intercept = map(value_frame, circuit.inputs)
    report = (*((features, labels) * plan.batches), weights, intercept)
    update = (value_frame(circuit.outputs[0]),)
    keys = key_set_frame(specification)
    _allow(keys.size <= MAX_KEY_BYTES, f"its keys take {keys.size} bytes, above {MAX_KEY_BYTES}")
    _allow(REPORT_OVERHEAD + _sent(report) <= MAX_REPORT_BYTES, "bytes of a report")
    _allow(UPDATE_OVERHEAD + _sent(update) <= MAX_UPDATE_BYTES, "bytes of an update")
    return Frames(KeyForm(keys, kept=WORD), report, update, update)


def _sent(frames: tuple[Frame, ...]) -> int:
    return sum(VALUE_OVERHEAD + frame.size for frame in frames)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, what)


def _allow(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.PLAN_INVALID, what)
