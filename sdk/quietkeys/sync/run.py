"""One exchange with the trainer: enrol, upload keys, send a report, fetch its update, judge it here.

What is sent, and in which order, depends on the calendar and on the trainer's answers, never on a decrypted
value: after an update is fetched nothing more is sent, whether it is applied, refused or cannot be decrypted,
and the next report has the same size and follows the same way in every case.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from quietkeys.profile.ledger import LedgerKind, size_words
from quietkeys.profile.outbox import Address, OpenReport, Outbox, ReportState
from quietkeys.profile.settings import CIRCLE, LAST_SYNC
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrafficKind, TrainerClient
from quietkeys.remote.enrolment import ensure_enrolled, leave
from quietkeys.remote.http import StoppableTransport
from quietkeys.remote.identity import identity_for
from quietkeys.sync.consent_record import require_consent
from quietkeys.sync.context import SyncContext
from quietkeys.sync.keys.life import Alone, Deferred, KeySteps, Others
from quietkeys.sync.result import LastSync, Outcome, Progress, ProgressCallback, Step, SyncResult
from quietkeys.sync.settle import Settled, apply, hold, review, settle, try_out
from quietkeys.updates.report import dummy_arrays, report_arrays
from quietkeys.updates.versions import Adapters, adapter_of
from quietkeys_protocol.containers import Report, encode_report
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, StartOver, Untrusted
from quietkeys_protocol.messages import JobState

FIRST_POLL_S: Final = 0.5
LONGEST_POLL_S: Final = 5.0
LONGEST_JOB_S: Final = 7 * 86_400.0  # then the trainer has forgotten it, or is not going to finish it
_REPEATED: Final = (ErrorCode.DEVICE_UNKNOWN, ErrorCode.KEY_UNKNOWN)
_UNSENDABLE: Final = (  # however often
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.CONTAINER_MALFORMED,
    ErrorCode.FRAMING_CHANGED,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.SEQUENCE_REPLAYED,
)
_UNFINISHED: Final = (JobState.QUEUED, JobState.RUNNING)
_LOG: Final = logging.getLogger(__name__)


class _Cancelled(Exception):  # noqa: N818 - what happened
    """The sync is to end before its next step."""


def run_sync(context: SyncContext, progress: ProgressCallback | None, wait_seconds: float) -> SyncResult:
    """Run one sync, waiting up to `wait_seconds` for the trainer to train; return how it ended.

    It goes on where the last one, or a kill, left off. Raises Refused (CONSENT_MISSING) before anything is
    sent; TryAgain if the trainer or the disk does not do what is needed now (nothing is lost), StartOver,
    Refused or Outdated as the trainer says, Untrusted if its answers make no sense.
    """
    require_consent(context.store)
    began = LastSync(context.environment.clock(), None)
    _remember(context, began)
    try:
        run = _Run(context, client_for(context), progress, wait_seconds, began)
    except QuietkeysError as error:
        _remember(context, replace(began, error=error.code))
        raise
    try:
        return run.whole()
    finally:
        run.end()


def _remember(context: SyncContext, sync: LastSync) -> None:
    with suppress(QuietkeysError):  # for the user to read; not worth failing for
        context.store.set_setting(LAST_SYNC, sync.to_fields())


def client_for(context: SyncContext) -> TrainerClient:
    """Leave a trainer if that is still to be done; return what speaks with it. Raises as `leave`."""
    if context.trainer in Trainers(context.store.database).to_leave():
        leave(context.profile, context.store, context.trainer, context.transport, context.environment)
    return TrainerClient(
        identity_for(context.profile, context.trainer, context.store.database.key),
        StoppableTransport(context.transport, context.stop),
        context.environment,
        context.enrolment_token,
    )


class _Run:
    """One sync: its context, its clock and its traffic."""

    def __init__(
        self,
        context: SyncContext,
        client: TrainerClient,
        progress: ProgressCallback | None,
        wait_s: float,
        sync: LastSync,
    ) -> None:
        self._context = context
        self._sync = sync
        self._progress = progress
        self._wait_s = wait_s
        self._outbox = Outbox(context.store.database, context.profile, context.plan)
        self._trainers = Trainers(context.store.database)
        self._client = client
        self._seconds: dict[Step, float] = {}
        self._step: Step | None = None
        self._began = 0.0
        self._blocks_done = 0

    def whole(self) -> SyncResult:
        """Run all steps, or those before it was told to stop, whatever that made of the one under way.

        What was decided earlier is reviewed first, here alone: the report then starts from what is in use.
        """
        try:
            review(self._context)
            return self._complete()
        except (_Cancelled, QuietkeysError) as error:
            if not self._context.stop.is_set():
                if isinstance(error, QuietkeysError):
                    _LOG.warning("sync failed: %s", error.code.value)
                    _remember(self._context, replace(self._sync, error=error.code))
                raise
            return self._result(Settled(Outcome.CANCELLED, "The sync was stopped. The next one goes on."))

    def _complete(self) -> SyncResult:
        """Run all steps; once more from the start if the trainer has lost what they build on."""
        try:
            return self._steps()
        except StartOver as error:
            if error.code not in _REPEATED:
                raise
            self._trainers.lost(self._context.trainer, enrolled=error.code is ErrorCode.KEY_UNKNOWN)
            return self._steps()

    def end(self) -> None:
        """Stop the clock, end the encryption process, add this sync to the bytes sent so far."""
        self._begin(None)
        self._context.cipher.close()
        with suppress(QuietkeysError):  # a figure for the status; not worth failing for
            self._context.store.add_bytes_sent(sum(self._client.traffic.sent.values()))

    def _steps(self) -> SyncResult:
        self._outbox.tidy()
        context = self._context
        ensure_enrolled(
            context.profile,
            context.store,
            context.trainer,
            self._client,
            context.environment,
            lambda: self._begin(Step.ENROL),
        )
        try:
            key_id = self._ensure_keys()
        except Deferred as deferred:
            return self._result(Settled(Outcome.DEFERRED, str(deferred)))
        address = Address(self._context.trainer, self._context.cipher.plan_hash(), key_id)
        report = self._report_for(address)
        try:
            if report.state is ReportState.WRITTEN:
                report = self._send(report)
            if report.state is ReportState.SENT:
                state = self._wait(report)
                if state in _UNFINISHED:
                    return self._result(Settled(Outcome.PENDING, "The trainer has not finished."))
                report = self._fetch(report)
        except StartOver as error:
            if error.code in _REPEATED and report.state is ReportState.WRITTEN:
                raise
            reason = "The trainer has no update for the report. The next sync sends another."
            self._close(LedgerKind.REPORT_LOST, reason)
            if error.code in _REPEATED:
                raise
            return self._result(Settled(Outcome.LOST, reason))
        return self._settle(report)

    def _ensure_keys(self) -> str:
        """Catch up with the circle, where there is one, then with the keys; return the id of those in use."""
        others: Others = Alone()
        if any(self._context.store.setting(name) is not None for name in CIRCLE):
            from quietkeys.sync.circle.attendance import Attendance

            others = attendance = Attendance(self._context, self._client)
            self._context = replace(self._context, place=attendance.attend())
        return KeySteps(self._context, self._client, self._outbox, others, self._begin).ensure()

    def _report_for(self, address: Address) -> OpenReport:
        """Keep the open report if it is for this address, else write a new one; return it."""
        report = self._usable_report(address)
        if report is not None:
            return report
        self._begin(Step.ENCRYPT)
        context, place = self._context, self._context.place
        weights = Adapters(context.store.database, context.plan).in_use()
        if len(context.store.held_out()) < context.minimum_events:
            arrays = dummy_arrays(context.plan)
        else:
            masses = context.masses(adapter_of(context.plan, weights))
            arrays = report_arrays(context.plan, masses, weights, place.sources, context.environment.rng)
        values = tuple(context.cipher.encrypt(arrays))
        plan_hash, key_id = bytes.fromhex(address.plan_hash), bytes.fromhex(address.key_id)

        def container_of(sequence: int) -> bytes:
            return encode_report(Report(plan_hash, key_id, place.source, place.sources, sequence, values))

        base = [weights.by_block[block.name] for block in context.plan.blocks]
        now = context.environment.clock()
        return self._outbox.write(address, arrays, base, place.sources, container_of, now)

    def _usable_report(self, address: Address) -> OpenReport | None:
        """Close the open report if it is damaged or for another trainer, plan or key, else return it."""
        try:
            report = self._outbox.open_report()
            if report is not None and report.state is ReportState.WRITTEN:
                self._outbox.container(report)
        except Untrusted:
            self._close(LedgerKind.REPORT_DROPPED, "A report was damaged on disk and was dropped.")
            return None
        if report is not None and report.address != address:
            self._close(
                LedgerKind.REPORT_DROPPED, "A report under earlier keys, plan or trainer was dropped."
            )
            return None
        return report

    def _send(self, report: OpenReport) -> OpenReport:
        self._begin(Step.SEND)
        container = self._outbox.container(report)
        try:
            job = self._client.post_report(container, report.id)
        except Refused as error:
            if error.code in _UNSENDABLE:
                self._close(LedgerKind.REPORT_DROPPED, "The trainer refused a report, and it was dropped.")
            raise
        what = "An empty report, encrypted like any other," if report.says_nothing else "Encrypted counts"
        with self._context.store.transaction():
            self._outbox.sent(report, job)
            self._ledger(LedgerKind.REPORT_SENT, f"{what} went to the trainer: {size_words(len(container))}.")
        return self._reread()

    def _wait(self, report: OpenReport) -> JobState:
        self._begin(Step.QUEUE)
        environment = self._context.environment
        deadline, pause_s = environment.monotonic() + self._wait_s, FIRST_POLL_S
        while (state := self._look(report.job)) in _UNFINISHED:
            left_s = deadline - environment.monotonic()
            if left_s <= 0.0:
                break
            environment.sleep(min(pause_s, left_s))
            self._check_stop()
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)
        if state is JobState.FAILED:
            raise StartOver(ErrorCode.JOB_FAILED)
        if state is JobState.SUPERSEDED:
            raise StartOver(ErrorCode.JOB_SUPERSEDED)
        if state in _UNFINISHED and environment.clock() - report.written > LONGEST_JOB_S:
            raise StartOver(ErrorCode.JOB_UNKNOWN)  # counts add up, so the next report has this one's too
        return state

    def _look(self, job_id: str) -> JobState:
        """Ask the trainer how far a job is, telling that it trains, and each block; return the state."""
        job = self._client.job(job_id)
        before, self._blocks_done = self._blocks_done, job.blocks_done
        if self._step is Step.TRAIN and job.blocks_done != before:
            self._tell(Step.TRAIN)
        elif self._step is Step.QUEUE and job.state is not JobState.QUEUED:
            self._begin(Step.TRAIN)
        return job.state

    def _fetch(self, report: OpenReport) -> OpenReport:
        self._begin(Step.FETCH)
        container = self._client.fetch_update(report.job)
        self._outbox.keep_update(report, container)
        with self._context.store.transaction():
            self._outbox.fetched(report)
            self._ledger(
                LedgerKind.UPDATE_FETCHED, f"An encrypted update came back: {size_words(len(container))}."
            )
        return self._reread()

    def _settle(self, report: OpenReport) -> SyncResult:
        """Decide here what becomes of a fetched update. Sends nothing."""
        context = self._context
        settled = try_out(context, settle(context, report, self._outbox.update(report), self._begin))
        with context.store.transaction():
            if settled.outcome is Outcome.APPLIED:
                apply(context.store, context.plan, settled.weights)
            elif settled.outcome is Outcome.ON_TRIAL:
                hold(context.store, context.plan, settled.weights)
            self._outbox.close()
            self._ledger(LedgerKind(f"update_{settled.outcome.value}"), settled.reason)
        self._outbox.tidy()
        return self._result(settled)

    def _result(self, settled: Settled) -> SyncResult:
        self._begin(None)
        _LOG.info("sync ended: %s", settled.outcome.value)
        traffic = self._client.traffic
        _remember(self._context, replace(self._sync, outcome=settled.outcome))
        return SyncResult(
            outcome=settled.outcome,
            reason=settled.reason,
            adapter_version=Adapters(self._context.store.database, self._context.plan).in_use().version,
            bytes_sent=_by_name(traffic.sent),
            bytes_received=_by_name(traffic.received),
            seconds=dict(self._seconds),
            verdict=settled.verdict,
        )

    def _reread(self) -> OpenReport:
        report = self._outbox.open_report()
        if report is None:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the outbox")
        return report

    def _close(self, kind: LedgerKind, text: str) -> None:
        with self._context.store.transaction():
            self._outbox.close()
            self._ledger(kind, text)
        self._outbox.tidy()

    def _ledger(self, kind: LedgerKind, text: str) -> None:
        self._context.store.write_ledger(self._context.environment.clock(), kind, text)

    def _begin(self, step: Step | None, upload_bytes: int = 0) -> None:
        """End the step under way and begin another, or none; upload_bytes: what it is about to send."""
        now = self._context.environment.monotonic()
        if self._step is not None:
            self._seconds[self._step] = self._seconds.get(self._step, 0.0) + now - self._began
        self._step, self._began = step, now
        if step is not None:
            _LOG.debug("sync step: %s", step.value)
            self._sync = replace(self._sync, step=step)
            _remember(self._context, self._sync)
            self._tell(step, upload_bytes)
            self._check_stop()

    def _tell(self, step: Step, upload_bytes: int = 0) -> None:
        if self._progress is not None:
            traffic, blocks = self._client.traffic, len(self._context.plan.blocks)
            sent, received = sum(traffic.sent.values()), sum(traffic.received.values())
            done = min(self._blocks_done, blocks) if step is Step.TRAIN else 0
            self._progress(Progress(step, sent, received, upload_bytes, done, blocks))

    def _check_stop(self) -> None:
        if self._context.stop.is_set():
            raise _Cancelled


def _by_name(amounts: Mapping[TrafficKind, int]) -> dict[str, int]:
    return {kind.value: amount for kind, amount in amounts.items()}
