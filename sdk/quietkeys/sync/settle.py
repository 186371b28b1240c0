"""What becomes of an update, when it is fetched and again later; all of it on this device.

A fetched update is read, decrypted, bounded, compared and judged. Every way out is a value, not an error, and
none of them sends anything: the trainer must not learn which it was. (Approximate rounding lets decrypted
values depend on mask and noise, and a malicious trainer chooses what it computes; an observable reaction
would be a decryption oracle.)

What was decided is judged again by held-out events that are younger than the decision: an update that passed
the gate was chosen by the very events that it passed on, and people change. So an update may have to prove
itself on later typing before it is used (a trial, if the policy asks for one), and one in use that later
typing clearly speaks against is taken back. That sends nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.prediction.counting import Choices
from quietkeys.prediction.events import EventMap, restored
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.outbox import OpenReport
from quietkeys.profile.settings import ADAPTER_BORN, CANDIDATE
from quietkeys.profile.store import Store
from quietkeys.sync.context import SyncContext
from quietkeys.sync.result import Outcome, Step
from quietkeys.updates.gate import (
    MINIMUM_EVENTS,
    Verdict,
    check_against_reference,
    harm,
    is_bearable,
    judge,
    weights_of,
)
from quietkeys.updates.steps import stepped
from quietkeys.updates.versions import Adapters, Weights, adapter_of
from quietkeys_protocol.containers import Update, decode_update
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Untrusted
from quietkeys_protocol.plan import Plan

_EMPTY: Final = "There is too little typing to learn from yet; an empty report went out, as on any other day."
_STRANGE: Final = "The update cannot be what your counts give. Nothing was changed."
_UNREADABLE: Final = "What came back could not be decrypted. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome, a sentence for the user, the new integer weights where they are applied, the verdict."""

    outcome: Outcome
    reason: str
    weights: Mapping[str, Int64] = field(default_factory=dict, repr=False)
    verdict: Verdict | None = field(default=None, repr=False)


def settle(
    context: SyncContext, report: OpenReport, container: bytes, begin: Callable[[Step], None]
) -> Settled:
    """Decrypt and judge the update that came for a report; return what becomes of it.

    begin: told each step.
    """
    begin(Step.DECRYPT)
    try:
        update = _update_of(report, container)
    except QuietkeysError:
        return Settled(Outcome.UNTRUSTED, _STRANGE)
    try:
        arrays = context.cipher.decrypt(update.ciphertexts)
    except QuietkeysError:
        if context.stop.is_set():  # the encryption process was ended, for nothing in the update
            raise
        return Settled(Outcome.UNDECRYPTABLE, _UNREADABLE)
    begin(Step.JUDGE)
    if report.says_nothing:  # an honest encrypted run makes noise of zeros, which no check tells from a lie
        return Settled(Outcome.DUMMY, _EMPTY)
    try:
        step = weights_of(context.plan, arrays)
        if report.sources == 1:
            check_against_reference(context.plan, report.arrays, step)
        bearable = partial(is_bearable, context.events, context.plan, context.public().judging)
        weights = stepped(context.plan, _base_of(context.plan, report), step, report.sources, bearable)
    except Untrusted:
        return Settled(Outcome.UNTRUSTED, _STRANGE)
    return _judged(context, weights)


def _base_of(plan: Plan, report: OpenReport) -> Weights:
    by_block = {block.name: weights for block, weights in zip(plan.blocks, report.base, strict=True)}
    return Weights(0, by_block)


def held_out_choices(store: Store, events: EventMap, after: int = 0) -> Choices:
    """Return the held-out events younger than that with the id `after`; damaged ones are left out."""
    found = (restored(content, events) for content in store.held_out(after))
    return Choices.of(events, [choice for choice in found if choice is not None])


def _update_of(report: OpenReport, container: bytes) -> Update:
    update = decode_update(container)
    address = report.address
    names = (update.plan_hash.hex(), update.key_id.hex(), update.job_id.hex())
    if names != (address.plan_hash, address.key_id, report.job):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "another plan, key or job")
    return update


def _judged(context: SyncContext, weights: Mapping[str, Int64]) -> Settled:
    old = Adapters(context.store.database, context.plan).in_use()
    new = Weights(old.version + 1, weights)
    verdict = judge(
        context.events,
        context.plan,
        held_out_choices(context.store, context.events),
        adapter_of(context.plan, old),
        adapter_of(context.plan, new),
        context.public().judging,
    )
    if verdict.applied:
        return Settled(Outcome.APPLIED, f"The update was applied: {verdict.reason}.", weights, verdict)
    return Settled(Outcome.KEPT_OLD, f"The update was not applied: {verdict.reason}.", verdict=verdict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An update on trial. born: the newest held-out event when it passed the gate."""

    born: int
    by_block: Mapping[str, Int64] = field(repr=False)


def candidate_of(store: Store, plan: Plan) -> Candidate | None:
    """Return the update on trial; None for none, for another plan's, and for a damaged one."""
    words = store.setting(CANDIDATE) or ()
    widths = [block.width for block in plan.blocks]
    if len(words) != 3 or words[0] != plan.hash:
        return None
    try:
        born, content = int(words[1]), bytes.fromhex(words[2])
    except ValueError:
        return None
    if len(content) != 8 * sum(widths):
        return None
    parts = np.split(np.frombuffer(content, "<i8").astype(np.int64), np.cumsum(widths)[:-1])
    return Candidate(born, {block.name: part for block, part in zip(plan.blocks, parts, strict=True)})


def hold(store: Store, plan: Plan, by_block: Mapping[str, Int64]) -> None:
    """Put an update on trial from now on. Within a transaction."""
    content = b"".join(by_block[block.name].astype("<i8").tobytes() for block in plan.blocks)
    store.set_setting(CANDIDATE, (plan.hash, str(store.newest_held_out()), content.hex()))


def apply(store: Store, plan: Plan, by_block: Mapping[str, Int64]) -> None:
    """Put an update in use, to be reviewed by what is typed from now on. Within a transaction."""
    version = Adapters(store.database, plan).apply(by_block)
    store.set_setting(ADAPTER_BORN, (str(version), str(store.newest_held_out())))


def try_out(context: SyncContext, settled: Settled) -> Settled:
    """Return what becomes of an update that would be applied where the policy asks for a trial first."""
    if settled.outcome is not Outcome.APPLIED or not context.trial_events:
        return settled
    if candidate_of(context.store, context.plan) is not None:
        reason = "The update was not applied: the one before it is still on trial."
        return Settled(Outcome.KEPT_OLD, reason, verdict=settled.verdict)
    reason = (
        f"The update guesses your words better. It is used once {context.trial_events} more words, kept aside"
        " from what you type from now on, say so too."
    )
    return Settled(Outcome.ON_TRIAL, reason, settled.weights, settled.verdict)


def review(context: SyncContext) -> None:
    """Decide on the update on trial, or else on the one in use, if there is enough later typing.

    Raises TryAgain (DISK_FULL, STORAGE_FAILED), Untrusted (PROFILE_DAMAGED).
    """
    candidate = candidate_of(context.store, context.plan)
    if candidate is None:
        _review_adapter(context)
    else:
        _review_candidate(context, candidate)


def _review_candidate(context: SyncContext, candidate: Candidate) -> None:
    store, plan = context.store, context.plan
    choices = held_out_choices(store, context.events, candidate.born)
    if len(choices) < max(context.trial_events, MINIMUM_EVENTS):
        return
    old = Adapters(store.database, plan).in_use()
    new = Weights(old.version + 1, candidate.by_block)
    verdict = judge(
        context.events, plan, choices, adapter_of(plan, old), adapter_of(plan, new), context.public().judging
    )
    with store.transaction():
        store.drop_setting(CANDIDATE)
        if verdict.applied:
            apply(store, plan, candidate.by_block)
            _ledger(
                context,
                LedgerKind.TRIAL_PASSED,
                f"The update on trial is used from now on: {verdict.reason}.",
            )
        else:
            _ledger(context, LedgerKind.TRIAL_FAILED, f"The update on trial was dropped: {verdict.reason}.")


def _review_adapter(context: SyncContext) -> None:
    store, plan = context.store, context.plan
    adapters = Adapters(store.database, plan)
    now = adapters.in_use()
    born = _born(store, now.version)
    if born is None:
        return
    choices = held_out_choices(store, context.events, born)
    before = adapters.before()
    if harm(context.events, plan, choices, adapter_of(plan, before), adapter_of(plan, now)):
        with store.transaction():
            adapters.roll_back()
            _ledger(
                context,
                LedgerKind.ROLLED_BACK,
                f"The last update was taken back: it makes worse guesses at the {len(choices)} words that you"
                " typed since and that were kept aside to check it.",
            )


def _born(store: Store, version: int) -> int | None:
    words = store.setting(ADAPTER_BORN) or ()
    if len(words) != 2 or not all(map(str.isdecimal, words)) or int(words[0]) != version:
        return None
    return int(words[1])


def _ledger(context: SyncContext, kind: LedgerKind, text: str) -> None:
    context.store.write_ledger(context.environment.clock(), kind, text)
