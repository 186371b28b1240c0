"""A plan's circuits under Concrete's simulation: the noise of encryption, without encryption or keys.

For measurements over many people. It says how far encrypted weights lie from the reference, in a fraction
of a run's time; it hides nothing, so it is given made-up or published data only. Imports Concrete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.specification import circuit_name
from quietkeys_trainer.engine.compile import compile_plan


class Simulation:
    """The circuits of a plan for one source, compiled for simulation."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._module: Any = compile_plan(plan, 1, simulate=True)

    def train(self, report: Sequence[Int64]) -> list[Int64]:
        """The weights of an update, for arrays in the order of a report; noise is drawn anew."""
        updates = []
        for position, block in enumerate(self._plan.blocks):
            function = getattr(self._module, circuit_name(block))
            updates.append(np.asarray(function.simulate(*report[2 * position : 2 * position + 2])))
        return updates
