"""The plans that this version ships, one folder a language: what devices train under and trainers serve.

    NAME/plan.json                     the plan's canonical form
    NAME/client_specification.json     the canonical client specification; devices pin its SHA-256

Both sides read the same files. A signed bundle lists them with their hashes, so whoever changes one here
changes what the bundle of that name is checked against, and every device refuses it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHIPPED_PLANS: Final = Path(__file__).parent
PLAN: Final = "plan.json"
CLIENT_SPECIFICATION: Final = "client_specification.json"


@dataclass(frozen=True, slots=True)
class ShippedPlan:
    """A shipped plan: the language it is of, its file, and the pinned hash, 64 hex digits."""

    name: str
    path: Path
    client_specification_sha256: str


def shipped_plans() -> tuple[ShippedPlan, ...]:
    """Return the plans of all languages, by name."""
    return tuple(
        ShippedPlan(
            plan.parent.name,
            plan,
            hashlib.sha256(plan.with_name(CLIENT_SPECIFICATION).read_bytes()).hexdigest(),
        )
        for plan in sorted(SHIPPED_PLANS.glob(f"*/{PLAN}"))
    )
