"""What an app's device remembers between two rounds, sealed in one file under the vault."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from quietkeys.files import read_whole, write_whole
from quietkeys.vault.sealing import DataKey, seal_bytes, unseal_bytes
from quietkeys_protocol.errors import ErrorCode, Untrusted

STATE: Final = "state"
_PURPOSE: Final = b"sgd state"
_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class State:
    """plan: the hash of the plan that the weights are of, hex; weights: integers of its grid, none at first.

    consent: what the user agreed to, "" for nothing. sequence: of the last report. trainer_key: the key that
    the trainer was first seen with, hex.
    """

    plan: str
    weights: tuple[int, ...] = ()
    consent: str = ""
    consented_at: float = 0.0
    sequence: int = 0
    trainer_key: str = ""


class StateFile:
    """The file of a folder; every change is on disk before it counts."""

    def __init__(self, folder: Path, key: DataKey, plan_hash: str) -> None:
        """Read the state; weights of another plan are forgotten. Raises Untrusted (PROFILE_DAMAGED)."""
        self._path, self._key = folder / STATE, key.file_key(_PURPOSE)
        self.now = self._read(plan_hash)
        if self.now.plan != plan_hash:
            self.now = replace(self.now, plan=plan_hash, weights=())

    def write(self, state: State) -> None:
        """Replace the state. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        content = json.dumps(asdict(state)).encode()
        write_whole(self._path, seal_bytes(self._key, STATE.encode(), content))
        self.now = state

    def _read(self, plan_hash: str) -> State:
        sealed = read_whole(self._path, _MAX_BYTES)
        if not sealed:
            return State(plan_hash)
        content = unseal_bytes(self._key, STATE.encode(), sealed)
        if content is None:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the state")
        tree = json.loads(content)  # sealed, so ours
        return State(**{**tree, "weights": tuple(tree["weights"])})
