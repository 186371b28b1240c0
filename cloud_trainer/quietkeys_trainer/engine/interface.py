"""What the service needs of the engine: frames to compare with, and a way to run.

Nothing here can decrypt: there is no name for a secret key on this side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from quietkeys_protocol.errors import ErrorCode, Outdated
from quietkeys_protocol.framing import Frames
from quietkeys_protocol.plan import Plan

Told = Callable[[int], None]  # hears how many blocks of a job are trained


def nobody(_: int) -> None:
    """Who hears it where nobody asked."""


class EngineFailed(Exception):  # noqa: N818 - what happened, as in the words we use
    """The circuit did not run on these bytes: they crashed it, or it took too long or too much memory."""


class Engine(Protocol):
    """One plan, compiled here."""

    @property
    def plan(self) -> Plan:
        """What was compiled."""

    @property
    def client_specification_sha256(self) -> str:
        """The hash of the client specification that the compiler made, which devices have pinned."""

    @property
    def frames(self) -> Frames:
        """The frames of everything that is sent under this plan."""

    def run(self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told) -> list[bytes]:
        """The encrypted new weights, in the order of `Plan.update_fields`, for the sum of 1 to 8 reports.

        `told` hears after each block how many are done. Bytes are parsed in a spawned child under limits.
        Raises `EngineFailed`.
        """

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """The same for the plan's block at `position` alone, from the values of this block in each report."""


def values_of_block(position: int, report: Sequence[bytes]) -> Sequence[bytes]:
    """What a report has for the block at a position of its plan: three values, see `Plan.report_fields`."""
    return report[3 * position : 3 * position + 3]


Engines = Mapping[str, Engine]  # by plan hash

# (plan, folder for compiled circuits) -> engine; raises `QuietkeysError` where the plan cannot be trained.
EngineLoader = Callable[[Plan, Path], Engine]


def engine_of(engines: Engines, retired: Mapping[str, str], plan_hash: str) -> Engine:
    """The engine of a served plan; `Outdated` where it is not, or no longer, served.

    retired: advice by plan hash, of plans whose jobs are still run.
    """
    if plan_hash in retired:
        raise Outdated(ErrorCode.PLAN_RETIRED, retired[plan_hash])
    engine = engines.get(plan_hash)
    if engine is None:
        raise Outdated(ErrorCode.PLAN_UNKNOWN)
    return engine
