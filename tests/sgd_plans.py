"""One small plan of the recipe sgd, and what the compiler makes of it: for tests that need no compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quietkeys_protocol.sgd_plan import Feature, SgdPlan

# The least at which there is something to learn: two features, two steps of two examples.
SMALL_SGD: Final = SgdPlan(
    bundle="small",
    features=(Feature("first", 0.0, 1.0), Feature("second", -2.0, 2.0)),
    batch=2,
    batches=2,
    weight_limit=1.0,
    learning_rate=1.0,
    bits=4,
    rounding_bits=4,
)
SPECIFICATION: Final = Path(__file__).parent / "vectors" / "sgd_specification.json"  # compiled from it
