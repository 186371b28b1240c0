"""What becomes of a fetched update: read, decrypted, bounded, compared, judged; all of it on this device.

Every way out is a value, not an error, and none of them sends anything: the trainer must not learn which
it was. (Approximate rounding lets decrypted values depend on mask and noise, and a malicious trainer chooses
what it computes; an observable reaction would be a decryption oracle.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from quietkeys.arrays import Int64
from quietkeys.prediction.events import Choice, EventMap, fits, unpack_choice
from quietkeys.profile.outbox import OpenReport
from quietkeys.profile.store import Store
from quietkeys.sync.context import Parts
from quietkeys.sync.result import Outcome, Step
from quietkeys.updates.gate import Verdict, judge
from quietkeys.updates.plausibility import check_against_reference, weights_of
from quietkeys.updates.versions import Adapters, Weights, adapter_of
from quietkeys_protocol.containers import Update, decode_update
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Untrusted

_EMPTY: Final = "There is too little typing to learn from yet; an empty report went out, as on any other day."
_STRANGE: Final = "The update cannot be what your counts give. Nothing was changed."
_UNREADABLE: Final = "What came back could not be decrypted. Nothing was changed."

Integers = Int64


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome, a sentence for the user, the new integer weights where they are applied, the verdict."""

    outcome: Outcome
    reason: str
    weights: Mapping[str, Integers] = field(default_factory=dict, repr=False)
    verdict: Verdict | None = field(default=None, repr=False)


def settle(parts: Parts, report: OpenReport, container: bytes, begin: Callable[[Step], None]) -> Settled:
    """Return what becomes of the update that came for a report. begin: told each step."""
    begin(Step.DECRYPT)
    try:
        update = _update_of(report, container)
    except QuietkeysError:
        return Settled(Outcome.UNTRUSTED, _STRANGE)
    try:
        arrays = parts.cipher.decrypt(update.ciphertexts)
    except QuietkeysError:
        if parts.stop.is_set():  # the encryption process was ended, for nothing in the update
            raise
        return Settled(Outcome.UNDECRYPTABLE, _UNREADABLE)
    begin(Step.JUDGE)
    try:
        weights = weights_of(parts.plan, arrays)
        if parts.place.sources == 1:
            check_against_reference(parts.plan, report.arrays, weights)
    except Untrusted:
        return Settled(Outcome.UNTRUSTED, _STRANGE)
    if report.says_nothing:
        return Settled(Outcome.DUMMY, _EMPTY)
    return _judged(parts, weights)


def held_out_choices(store: Store, events: EventMap, after: int = 0) -> list[Choice]:
    """Return the held-out events younger than that with the id `after`; damaged ones are left out."""
    choices: list[Choice] = []
    for content in store.held_out(after):
        try:
            choice = unpack_choice(content)
        except Untrusted:
            continue
        if fits(choice, events):
            choices.append(choice)
    return choices


def _update_of(report: OpenReport, container: bytes) -> Update:
    update = decode_update(container)
    address = report.address
    names = (update.plan_hash.hex(), update.key_id.hex(), update.job_id.hex())
    if names != (address.plan_hash, address.key_id, report.job):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "another plan, key or job")
    return update


def _judged(parts: Parts, weights: Mapping[str, Integers]) -> Settled:
    old = Adapters(parts.store.database, parts.plan).in_use()
    new = Weights(old.version + 1, weights)
    verdict = judge(
        parts.events,
        parts.plan,
        held_out_choices(parts.store, parts.events),
        adapter_of(parts.plan, old),
        adapter_of(parts.plan, new),
    )
    if verdict.applied:
        return Settled(Outcome.APPLIED, f"The update was applied: {verdict.reason}.", weights, verdict)
    return Settled(Outcome.KEPT_OLD, f"The update was not applied: {verdict.reason}.", verdict=verdict)
