"""Judges again what was decided before, by held-out events that are younger than the decision.

An update that passed the gate was chosen by the very events that it passed on, and people change. So an
update may have to prove itself on later typing before it is used (a trial, if the policy asks for one), and
one in use that later typing clearly speaks against is taken back. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import ADAPTER_BORN, CANDIDATE
from quietkeys.profile.store import Store
from quietkeys.sync.context import Parts
from quietkeys.sync.result import Outcome
from quietkeys.sync.settle import Settled, held_out_choices
from quietkeys.updates.gate import MINIMUM_EVENTS, harm, judge
from quietkeys.updates.versions import Adapters, Weights, adapter_of
from quietkeys_protocol.plan import Plan

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An update on trial. born: the newest held-out event when it passed the gate."""

    born: int
    by_block: Mapping[str, Integers] = field(repr=False)


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


def hold(store: Store, plan: Plan, by_block: Mapping[str, Integers]) -> None:
    """Put an update on trial from now on. Within a transaction."""
    content = b"".join(by_block[block.name].astype("<i8").tobytes() for block in plan.blocks)
    store.set_setting(CANDIDATE, (plan.hash, str(store.newest_held_out()), content.hex()))


def apply(store: Store, plan: Plan, by_block: Mapping[str, Integers]) -> None:
    """Put an update in use, to be reviewed by what is typed from now on. Within a transaction."""
    version = Adapters(store.database, plan).apply(by_block)
    store.set_setting(ADAPTER_BORN, (str(version), str(store.newest_held_out())))


def try_out(parts: Parts, settled: Settled) -> Settled:
    """Return what becomes of an update that would be applied where the policy asks for a trial first."""
    if settled.outcome is not Outcome.APPLIED or not parts.trial_events:
        return settled
    if candidate_of(parts.store, parts.plan) is not None:
        reason = "The update was not applied: the one before it is still on trial."
        return Settled(Outcome.KEPT_OLD, reason, verdict=settled.verdict)
    reason = (
        f"The update guesses your words better. It is used once {parts.trial_events} more words, kept aside"
        " from what you type from now on, say so too."
    )
    return Settled(Outcome.ON_TRIAL, reason, settled.weights, settled.verdict)


def review(parts: Parts) -> None:
    """Decide on the update on trial, or else on the one in use, if there is enough later typing.

    Raises TryAgain (DISK_FULL, STORAGE_FAILED), Untrusted (PROFILE_DAMAGED).
    """
    candidate = candidate_of(parts.store, parts.plan)
    if candidate is None:
        _review_adapter(parts)
    else:
        _review_candidate(parts, candidate)


def _review_candidate(parts: Parts, candidate: Candidate) -> None:
    store, plan = parts.store, parts.plan
    choices = held_out_choices(store, parts.events, candidate.born)
    if len(choices) < max(parts.trial_events, MINIMUM_EVENTS):
        return
    old = Adapters(store.database, plan).in_use()
    new = Weights(old.version + 1, candidate.by_block)
    verdict = judge(parts.events, plan, choices, adapter_of(plan, old), adapter_of(plan, new))
    with store.transaction():
        store.drop_setting(CANDIDATE)
        if verdict.applied:
            apply(store, plan, candidate.by_block)
            _ledger(
                parts, LedgerKind.TRIAL_PASSED, f"The update on trial is used from now on: {verdict.reason}."
            )
        else:
            _ledger(parts, LedgerKind.TRIAL_FAILED, f"The update on trial was dropped: {verdict.reason}.")


def _review_adapter(parts: Parts) -> None:
    store, plan = parts.store, parts.plan
    adapters = Adapters(store.database, plan)
    now = adapters.in_use()
    born = _born(store, now.version)
    if born is None:
        return
    choices = held_out_choices(store, parts.events, born)
    before = adapters.before()
    if harm(parts.events, plan, choices, adapter_of(plan, before), adapter_of(plan, now)):
        with store.transaction():
            adapters.roll_back()
            _ledger(
                parts,
                LedgerKind.ROLLED_BACK,
                f"The last update was taken back: it makes worse guesses at the {len(choices)} words that you"
                " typed since and that were kept aside to check it.",
            )


def _born(store: Store, version: int) -> int | None:
    words = store.setting(ADAPTER_BORN) or ()
    if len(words) != 2 or not all(map(str.isdecimal, words)) or int(words[0]) != version:
        return None
    return int(words[1])


def _ledger(parts: Parts, kind: LedgerKind, text: str) -> None:
    parts.store.write_ledger(parts.around.clock(), kind, text)
