"""The plans that a model owner publishes: a folder of files named by the hash of the plan.

    HASH.plan     the plan's canonical form; the bytes with this SHA-256
    HASH.pin      the client specification hash that devices have of it, 64 hex digits
    HASH.retired  there where the plan takes no more reports; what its devices should do, one line

Nothing else is published: every trainer compiles the plan itself, and refuses it where its compiler makes
another client specification. A plan is never changed; a new one has another hash and stands beside the old.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import MAX_PLAN_BYTES, TrainingPlan
from quietkeys_protocol.recipes import parse_plan
from quietkeys_protocol.signing import is_hash
from quietkeys_trainer.storage.files import PUBLIC, write_whole

MAX_ADVICE: Final = 200  # characters; it is shown to people in an error


@dataclass(frozen=True, slots=True)
class ServedPlan:
    """A plan to serve and the hash that its client specification must have, empty where none is pinned.

    retired: what its devices should do, where it takes no more reports; what is queued is still trained.
    """

    path: Path
    client_specification_sha256: str = ""
    retired: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A folder of published plans."""

    folder: Path

    def publish(self, plan: TrainingPlan, pin: str) -> None:
        """Add a plan; adding it again changes nothing.

        Raises `Refused` where it is there under another pin.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.folder / f"{plan.hash}.pin"
        if known.exists() and known.read_text().strip() != pin:
            raise Refused(ErrorCode.PLAN_INVALID, "it was published with another client specification")
        write_whole(known, f"{pin}\n".encode(), PUBLIC)
        write_whole(self.folder / f"{plan.hash}.plan", plan.canonical, PUBLIC)

    def retire(self, plan_hash: str, advice: str) -> None:
        """End reports under a plan; what is queued is still trained. The advice can be changed."""
        if not is_hash(plan_hash) or not (self.folder / f"{plan_hash}.plan").exists():
            raise Refused(ErrorCode.PLAN_INVALID, "no plan of that hash is published here")
        if not advice.isprintable() or not 1 <= len(advice) <= MAX_ADVICE:
            raise Refused(ErrorCode.PLAN_INVALID, f"advice is one line of 1 to {MAX_ADVICE} characters")
        write_whole(self.folder / f"{plan_hash}.retired", f"{advice}\n".encode(), PUBLIC)

    def plans(self) -> tuple[ServedPlan, ...]:
        """Return what a trainer is to serve of it.

        Raises `Refused` where there is no such folder, or a file in it is not what its name says.
        """
        served = []
        if not self.folder.is_dir():
            raise Refused(ErrorCode.PLAN_INVALID, f"there is no folder {self.folder}")
        for path in sorted(self.folder.glob("*.plan")):
            if read_plan(path).hash != path.stem:
                raise Refused(ErrorCode.PLAN_INVALID, f"{path.name} holds another plan")
            retired = path.with_suffix(".retired")
            try:
                pin = path.with_suffix(".pin").read_text().strip()
                advice = retired.read_text().strip() if retired.exists() else ""
            except (OSError, UnicodeDecodeError) as error:
                raise Refused(ErrorCode.PLAN_INVALID, f"{path.name} has no readable pin or advice") from error
            served.append(ServedPlan(path, pin, advice))
        return tuple(served)


def read_plan(path: Path) -> TrainingPlan:
    """Return the plan in a file; raise `Refused` where there is none, or no plan."""
    try:
        with path.open("rb") as file:
            return parse_plan(file.read(MAX_PLAN_BYTES + 1))
    except OSError as error:
        raise Refused(ErrorCode.PLAN_INVALID, error.strerror or "it cannot be read") from error
