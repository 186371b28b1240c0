"""How a trainer was started: what the command line said, in one value that its processes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import MAX_PLAN_BYTES, Plan
from quietkeys_protocol.signing import is_hash
from quietkeys_trainer.engine.interface import Engine, EngineLoader
from quietkeys_trainer.ledger.allowances import Limits
from quietkeys_trainer.ledger.retention import Retention

LEASE_S: Final = 30.0  # a worker that is silent for so long has died; three heartbeats fit in


@dataclass(frozen=True, slots=True)
class ServedPlan:
    """A plan to serve and the hash that its client specification must have, empty where none is pinned.

    retired: what its devices should do, where it takes no more reports; what is queued is still trained.
    """

    path: Path
    client_specification_sha256: str = ""
    retired: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The folder of all that a trainer keeps, and the plans it serves.

    requires_pins: off only where the operator asked for it, to learn a specification or to try a plan out.
    database, blobs: addresses of these where they do not lie in the folder. The first may hold a password.
    is_open: whether devices enrol without an invite.
    """

    state: Path
    plans: tuple[ServedPlan, ...]
    lease_s: float = LEASE_S
    requires_pins: bool = True
    database: str = field(default="", repr=False)
    blobs: str = ""
    is_open: bool = True
    limits: Limits = field(default_factory=Limits)
    kept: Retention = field(default_factory=Retention)

    @property
    def database_address(self) -> str:
        """Where the ledger is."""
        return self.database or f"sqlite:///{self.state / 'ledger.sqlite'}"

    @property
    def blobs_address(self) -> str:
        """Where ciphertexts are."""
        return self.blobs or str(self.state / "blobs")

    @property
    def spool(self) -> Path:
        """Where bodies wait, nameless, until their signature is checked."""
        return self.state / "spool"

    @property
    def uploads(self) -> Path:
        """Where evaluation keys grow until they are whole."""
        return self.state / "uploads"

    @property
    def trainer_key(self) -> Path:
        """What the trainer signs receipts with."""
        return self.state / "trainer.key"

    @property
    def operator_token(self) -> Path:
        """Where the digest of the operator's token is, if one was made."""
        return self.state / "operator.token"

    @property
    def circuits(self) -> Path:
        """Where circuits that were compiled here may be kept."""
        return self.state / "circuits"

    def make_folders(self) -> None:
        """Makes the folders, readable by their owner only."""
        for folder in (self.state, self.spool, self.uploads, self.circuits):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def load_engines(settings: Settings, load: EngineLoader) -> dict[str, Engine]:
    """The engines of all plans to serve, by plan hash.

    `Refused` where a plan is malformed or not pinned, or its circuit's client specification is not
    the one that devices have pinned: such a trainer would answer every device with something that it cannot
    decrypt.
    """
    engines: dict[str, Engine] = {}
    for served in settings.plans:
        pinned = served.client_specification_sha256
        if not pinned and settings.requires_pins:
            raise Refused(
                ErrorCode.PLAN_INVALID, "it needs a --client-spec-sha256, or --no-pin for all plans"
            )
        if pinned and not is_hash(pinned):
            raise Refused(ErrorCode.PLAN_INVALID, "a pinned hash is not 64 hex digits")
        engine = load(read_plan(served.path), settings.circuits)
        if pinned and engine.client_specification_sha256 != pinned:
            found = engine.client_specification_sha256
            raise Refused(ErrorCode.PLAN_INVALID, f"its client specification is {found}, not the pinned one")
        engines[engine.plan.hash] = engine
    if not engines:
        raise Refused(ErrorCode.PLAN_INVALID, "there is none to serve")
    return engines


def read_plan(path: Path) -> Plan:
    """The plan in a file; `Refused` where there is none, or no plan."""
    try:
        with path.open("rb") as file:
            return Plan.parse(file.read(MAX_PLAN_BYTES + 1))
    except OSError as error:
        raise Refused(ErrorCode.PLAN_INVALID, error.strerror or "it cannot be read") from error
