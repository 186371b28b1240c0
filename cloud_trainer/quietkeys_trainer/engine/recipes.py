"""The engine of a plan, by its recipe: the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan, TrainingPlan
from quietkeys_protocol.sgd_plan import SgdPlan
from quietkeys_trainer.engine.interface import Engine
from quietkeys_trainer.engine.local import load_engine
from quietkeys_trainer.engine.sgd import load_sgd_engine


def load(plan: TrainingPlan, folder: Path, hidden: Sequence[Path]) -> Engine:
    """Load the engine of a plan, see `interface.EngineLoader`. Raises as `load_engine`."""
    match plan:
        case Plan():
            return load_engine(plan, folder, hidden=hidden)
        case SgdPlan():
            return load_sgd_engine(plan, folder, hidden=hidden)
        case _:
            raise Refused(ErrorCode.PLAN_INVALID, "recipe")
