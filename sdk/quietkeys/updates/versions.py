"""The adapter versions of a profile: integer weights by block, the one in use and a few before it.

Weights are decrypted and personal: they stay in the profile and reach the model's inputs, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.profile.database import Database, NumberedRows, number_name
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan

PREVIOUS_KEPT: Final = 5  # versions to roll back to


@dataclass(frozen=True, slots=True)
class Weights:
    """One version's integer weights [d] by block; version 0 is none, all zero."""

    version: int
    by_block: Mapping[str, Int64] = field(repr=False)


def no_weights(plan: Plan) -> Weights:
    """Return version 0 of a plan."""
    return Weights(0, {block.name: np.zeros(block.width, np.int64) for block in plan.blocks})


def adapter_of(plan: Plan, weights: Weights) -> Adapter:
    """Return the adapter of integer weights, in real units."""
    real = {b.name: (weights.by_block[b.name] * b.z_unit).astype(np.float32) for b in plan.blocks}
    return Adapter(weights.version, real)


class Adapters:
    """The versions of one plan in a profile database; other plans' versions are as if they were not there."""

    def __init__(self, database: Database, plan: Plan) -> None:
        self._database = database
        self._plan = plan

    def none(self) -> Weights:
        """Return version 0."""
        return no_weights(self._plan)

    def in_use(self) -> Weights:
        """Return the version in use, or version 0. Raises Untrusted (PROFILE_DAMAGED)."""
        row = self._database.row(
            "SELECT version, content FROM adapters WHERE state = 'in_use' AND plan_hash = ?", self._plan.hash
        )
        return self._read(row)

    def before(self) -> Weights:
        """Return the version that `roll_back` leads to. Raises Untrusted (PROFILE_DAMAGED)."""
        row = self._database.row(
            "SELECT version, content FROM adapters WHERE state = 'previous' AND plan_hash = ?"
            " ORDER BY version DESC LIMIT 1",
            self._plan.hash,
        )
        return self._read(row)

    def apply(self, by_block: Mapping[str, Int64]) -> int:
        """Put new weights in use, keeping the versions before; return their version. Within a transaction."""
        self._database.run("UPDATE adapters SET state = 'previous' WHERE state = 'in_use'")
        content = b"".join(by_block[block.name].astype("<i8").tobytes() for block in self._plan.blocks)
        rows = NumberedRows(self._database, "adapters")
        version = rows.add(content, state="in_use", plan_hash=self._plan.hash)
        self._database.run(
            "DELETE FROM adapters WHERE state <> 'in_use' AND version NOT IN"
            " (SELECT version FROM adapters WHERE state = 'previous' ORDER BY version DESC LIMIT ?)",
            PREVIOUS_KEPT,
        )
        return version

    def roll_back(self) -> None:
        """Put the newest version before the one in use into use, or none. Within a transaction."""
        self._database.run("UPDATE adapters SET state = 'rolled_back' WHERE state = 'in_use'")
        self._database.run(
            "UPDATE adapters SET state = 'in_use' WHERE version ="
            " (SELECT max(version) FROM adapters WHERE state = 'previous' AND plan_hash = ?)",
            self._plan.hash,
        )

    def _read(self, row: tuple[Any, ...] | None) -> Weights:
        if row is None:
            return self.none()
        version, sealed = row
        content = self._database.key.unseal("adapters", number_name(version), sealed)
        return Weights(version, self._unpacked(content))

    def _unpacked(self, content: bytes) -> dict[str, Int64]:
        widths = [block.width for block in self._plan.blocks]
        if len(content) != 8 * sum(widths):
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "an adapter")
        parts = np.split(np.frombuffer(content, "<i8").astype(np.int64), np.cumsum(widths)[:-1])
        return {block.name: part for block, part in zip(self._plan.blocks, parts, strict=True)}
