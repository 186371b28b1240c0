"""The outbox: one report at a time, written before it is sent, resumed after a kill at any step.

    written     the container is a file, the row names it; sending may have been tried any number of times
    sent        the trainer answered with a job
    fetched     the update is a file beside it
    closed      judged, or of no use any longer; the files are gone, the row keeps the sequence number

A file is written before the row that names it, and removed after the row that no longer does, so that a kill
leaves at most a file that nothing names. A retry sends the stored bytes under the same idempotency key.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.files import make_room, read_whole, remove, remove_drafts, translated, write_whole
from quietkeys.profile.database import Database
from quietkeys.profile.folder import OUTBOX
from quietkeys_protocol.containers import MAX_REPORT_BYTES, MAX_UPDATE_BYTES
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan

KEYS: Final = "evaluation.keys"  # while they are uploaded


class ReportState(StrEnum):
    """How far an open report is."""

    WRITTEN = "written"
    SENT = "sent"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a report is for: the trainer's address, the plan's hash and the evaluation keys' id, in hex."""

    trainer: str
    plan_hash: str
    key_id: str


@dataclass(frozen=True, slots=True)
class OpenReport:
    """The report under way. `id` is its idempotency key, `job` empty until it is sent.

    written: when, in Unix seconds, as its sequence number tells.
    arrays: what was encrypted, in the order of `Plan.report_fields`; private, for checking the update.
    base: the weights of every block that it was counted under. sources: how many devices' reports add up.
    """

    id: str
    state: ReportState
    address: Address
    job: str
    sha256: str
    written: float
    arrays: tuple[Int64, ...] = field(repr=False)
    base: tuple[Int64, ...] = field(repr=False)
    sources: int

    @property
    def says_nothing(self) -> bool:
        """Whether it is a dummy: zeros, encrypted afresh."""
        return not any(array.any() for array in self.arrays)


class Outbox:
    """Reports of one plan in a profile database and the folder beside it."""

    def __init__(self, database: Database, profile: Path, plan: Plan) -> None:
        self._database = database
        self._folder = profile / OUTBOX
        self._plan = plan

    @property
    def keys_file(self) -> Path:
        """Where evaluation keys lie while they are uploaded."""
        return self._folder / KEYS

    def tidy(self) -> None:
        """Make the folder, and remove what a kill left in it that no open report names.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        make_room(self._folder)
        remove_drafts(self._folder)
        row = self._database.row("SELECT id FROM outbox WHERE state <> 'closed'")
        with translated():
            for path in self._folder.iterdir():
                if row is None or path.stem != row[0]:
                    remove(path)

    def open_report(self) -> OpenReport | None:
        """Return the report under way. Raises Untrusted (PROFILE_DAMAGED)."""
        row = self._database.row(
            "SELECT id, state, trainer, plan_hash, key_id, coalesce(job, ''), sha256, sequence, content"
            " FROM outbox WHERE state <> 'closed'"
        )
        if row is None:
            return None
        return OpenReport(
            row[0],
            ReportState(row[1]),
            Address(*row[2:5]),
            row[5],
            row[6],
            row[7] / 1000,
            *self._unpacked(self._database.key.unseal("outbox", row[0].encode(), row[8])),
        )

    def write(
        self,
        address: Address,
        arrays: Sequence[Int64],
        base: Sequence[Int64],
        sources: int,
        container_of: Callable[[int], bytes],
        now: float,
    ) -> OpenReport:
        """Write a report and return it; `container_of` makes its container from the sequence number.

        arrays, base, sources: as in `OpenReport`.

        The number is the time (now: Unix seconds) in milliseconds, or one more than the last, so that it
        grows even when the database was lost and the keys were not. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED); then there is no report.
        """
        ((last,),) = self._database.rows("SELECT coalesce(max(sequence), 0) FROM outbox")
        sequence = max(last + 1, int(now * 1000))
        identity = secrets.token_hex(16)
        container = container_of(sequence)
        digest = hashlib.sha256(container).hexdigest()
        numbers = (*arrays, *base, np.array([sources]))
        content = b"".join(array.astype("<i8").tobytes() for array in numbers)
        write_whole(self._report_file(identity), container)
        self._database.run(
            "INSERT INTO outbox VALUES (?, 'written', ?, ?, ?, ?, NULL, ?, ?)",
            identity,
            address.trainer,
            address.plan_hash,
            address.key_id,
            sequence,
            digest,
            self._database.key.seal("outbox", identity.encode(), content),
        )
        return OpenReport(
            identity,
            ReportState.WRITTEN,
            address,
            "",
            digest,
            sequence / 1000,
            tuple(arrays),
            tuple(base),
            sources,
        )

    def container(self, report: OpenReport) -> bytes:
        """Return the stored bytes of a report. Raises Untrusted (PROFILE_DAMAGED)."""
        content = read_whole(self._report_file(report.id), MAX_REPORT_BYTES)
        if hashlib.sha256(content).hexdigest() != report.sha256:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "a report")
        return content

    def sent(self, report: OpenReport, job: str) -> None:
        """Note the job that a written report became. Within a transaction."""
        self._database.run(
            "UPDATE outbox SET state = 'sent', job = ? WHERE id = ? AND state = 'written'", job, report.id
        )

    def keep_update(self, report: OpenReport, container: bytes) -> None:
        """Write the update of a sent report, before `fetched` notes that it is here."""
        write_whole(self._update_file(report.id), container)

    def fetched(self, report: OpenReport) -> None:
        """Note that the update of a sent report is here. Within a transaction."""
        self._database.run("UPDATE outbox SET state = 'fetched' WHERE id = ? AND state = 'sent'", report.id)

    def update(self, report: OpenReport) -> bytes:
        """Return the stored bytes of a fetched update, as they came."""
        return read_whole(self._update_file(report.id), MAX_UPDATE_BYTES)

    def close(self) -> None:
        """Close the open report, whatever its state. Within a transaction; `tidy` removes its files."""
        self._database.run("UPDATE outbox SET state = 'closed', content = NULL WHERE state <> 'closed'")
        self._database.run(
            "DELETE FROM outbox WHERE state = 'closed' AND sequence < (SELECT max(sequence) FROM outbox)"
        )

    def _report_file(self, identity: str) -> Path:
        return self._folder / f"{identity}.report"

    def _update_file(self, identity: str) -> Path:
        return self._folder / f"{identity}.update"

    def _unpacked(self, content: bytes) -> tuple[tuple[Int64, ...], tuple[Int64, ...], int]:
        # (arrays, base, sources)
        sent = [one.size for one in self._plan.report_fields]
        sizes = [*sent, *(one.size for one in self._plan.update_fields), 1]
        if len(content) != 8 * sum(sizes):
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "a report")
        *parts, sources = np.split(np.frombuffer(content, "<i8").astype(np.int64), np.cumsum(sizes)[:-1])
        return tuple(parts[: len(sent)]), tuple(parts[len(sent) :]), int(sources[0])
