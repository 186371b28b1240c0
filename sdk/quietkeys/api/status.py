"""Puts together what `Personalizer.status` answers."""

from __future__ import annotations

from quietkeys.answers import Problem, Status
from quietkeys.api.typing_model import TypingModel
from quietkeys.profile.folder import Profile
from quietkeys.profile.ledger import fingerprint_words
from quietkeys.profile.settings import BYTES_SENT
from quietkeys.profile.trainers import Trainers
from quietkeys.sync.consent_record import consent_in


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
