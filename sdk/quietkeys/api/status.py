"""Puts together what `Personalizer.status` answers."""

from __future__ import annotations

from typing import Final

from quietkeys.answers import Problem, Readiness, Status
from quietkeys.api.typing_model import TypingModel
from quietkeys.profile.folder import Profile
from quietkeys.profile.ledger import fingerprint_words
from quietkeys.profile.settings import BYTES_SENT
from quietkeys.profile.store import Store
from quietkeys.profile.trainers import Trainers
from quietkeys.sync.consent_record import consent_in
from quietkeys.updates.gate import MINIMUM_EVENTS

_WORDS_ASIDE: Final = 12.0  # what is assumed before anything was typed: so many words kept aside,
_WORDS_TYPED: Final = 100.0  # of so many typed


def status_of(profile: Profile, model: TypingModel, trainer: str) -> Status:
    """Return the status of an open profile. trainer: its address, "" for none."""
    store, memory = profile.store, model.predictor.memory
    trainers = Trainers(store.database)
    problems = profile.problems()
    if trainers.to_leave():
        message = "the trainer has not confirmed yet that it deleted this device"
        advice = "It is asked again by the next forget, withdrawal of consent or sync."
        problems.append(Problem(message, advice))
    state = store.database.row("SELECT state FROM outbox WHERE state <> 'closed'")
    return Status(
        words_recorded=model.recorder.words,
        words_known=len(memory.words()),
        own_words=len(memory.own_words),
        adapter_version=model.adapters.in_use().version,
        bundle_version=model.manifest.version,
        key_fingerprint=fingerprint_words(trainers.key_id(trainer)),
        open_report="" if state is None else str(state[0]),
        bytes_sent=store.setting(BYTES_SENT) or 0,
        consent_given=consent_in(store) is not None,
        problems=tuple(problems),
    )


def readiness_of(store: Store, words: int, minimum_events: int) -> Readiness:
    """Return how far it is to an update. words: recorded so far. minimum_events: what the policy asks for."""
    ((aside,),) = store.database.rows("SELECT count(*) FROM held_out")
    needed = max(minimum_events, MINIMUM_EVENTS)
    each = (words + _WORDS_TYPED) / (aside + _WORDS_ASIDE)
    return Readiness(int(aside), needed, round(max(needed - aside, 0) * each))
