"""The facade: a keyboard that learns its user, in one object.

    with Personalizer.open("profile", trainer_url="https://trainer.example") as keyboard:
        keyboard.suggest("see you", "tomorow").correction       # "tomorrow"
        receipt = keyboard.record("see you", "tomorow", "tomorrow")
        keyboard.sync()

Text goes in and suggestions come out in this process; text is neither kept nor sent. What is kept is counts,
what is sent is encrypted. Every method may be called from any thread; none but `sync` and `forget` waits for
anything but the disk, and typing goes on while they do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.random import Generator

from quietkeys.address import trainer_address
from quietkeys.answers import Deletion, Status, Suggestions
from quietkeys.bundle import SHIPPED
from quietkeys.fields import InputField
from quietkeys.keyboard import QWERTY, Layout
from quietkeys.learning import Learning
from quietkeys.levels import Level
from quietkeys.outbox import Outbox
from quietkeys.policy import Policy
from quietkeys.preferences import StoredPreferences
from quietkeys.profile import KEYS, Profile
from quietkeys.recorder import Receipt
from quietkeys.recording import record, record_nothing
from quietkeys.scheduler import Scheduler
from quietkeys.stopping import Stopper
from quietkeys.store import LedgerLine
from quietkeys.suggesting import as_typed, suggestions
from quietkeys.surroundings import Surroundings
from quietkeys.sync_result import ProgressCallback, SyncResult
from quietkeys.tokens import normalize
from quietkeys.touched import Touches, touches_of
from quietkeys.trainers import Trainers
from quietkeys.trusted_keys import TRUSTED_KEYS
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.plan import Plan

if TYPE_CHECKING:  # imported when a sync begins
    from quietkeys.cipher.interface import Cipher
    from quietkeys.sync import Syncer
    from quietkeys.transport import Transport

WAIT_SECONDS: Final = 120.0  # for the trainer to train
_PAUSED: Final = "paused"  # the setting that is there while learning is paused


class Personalizer:
    """One open profile. Made by `open`; ends with `close`, or the `with` block."""

    def __init__(
        self,
        profile: Profile,
        learning: Learning,
        trainer: str,
        cipher: Callable[[Path, Plan], Cipher] | None,
        transport: Transport | None,
        around: Surroundings | None,
        rng: Generator,
        policy: Policy,
    ) -> None:
        self._profile = profile
        self._learning = learning
        self._trainer = trainer
        self._cipher = cipher
        self._transport = transport
        self._stopper = Stopper()
        self._around = Surroundings(sleep=self._stopper.event.wait) if around is None else around
        self._rng = rng
        self._typing = threading.RLock()  # memory, counts, the adapter in use
        self._private = 0  # blocks of `private` that are open
        self._adapter = learning.adapter_in_use()
        self._preferences = StoredPreferences(profile.store)
        self.schedule: Final = Scheduler(
            policy, profile.store, self.sync, self._stopper.cancel, self._around.clock
        )
        """The syncs to come: `start`, `stop`, `next_slot`, `sync_if_due`."""
        Outbox(profile.store.database, profile.folder, learning.predictor.plan).tidy()

    @classmethod
    def open(
        cls,
        profile_dir: str | Path,
        *,
        trainer_url: str | None = None,
        bundle: str | Path = "en",
        layout: Layout = QWERTY,
        redact: Sequence[re.Pattern[str]] = (),
        policy: Policy | None = None,
        trusted_keys: Sequence[bytes] = TRUSTED_KEYS,
        cipher: Callable[[Path, Plan], Cipher] | None = None,
        transport: Transport | None = None,
        around: Surroundings | None = None,
        rng: Generator | None = None,
    ) -> Self:
        """Return the profile in a folder, made if there is none.

        trainer_url: https, or http on this machine; without one nothing can be synced, everything else works.
        bundle: the name of a shipped bundle, or the folder of one that is signed by a key of `trusted_keys`.
        layout: what is typed on, one of `quietkeys.layouts` or made by `Layout.from_rows`; what is learned of
        touches belongs to its name.
        redact: what is never learnt and never suggested from, beside what is left out anyway (see `record`).
        Each pattern is searched in the line that is typed in, up to what was typed.
        policy: when `schedule` syncs; if None once a day, while all conditions hold that the app tells of.
        For tests: cipher, a factory of what encrypts, from a folder for its keys and the plan
        (`quietkeys.testing.NoopCipher`); transport, what requests go through
        (`quietkeys.testing.InMemoryTrainer`); around, time and chance; rng, which events judge updates.

        A damaged profile is set aside and learning starts anew, see `status`. Raises Refused (PROFILE_LOCKED,
        ADDRESS_UNSAFE), Untrusted (BUNDLE_UNTRUSTED), Outdated (PROFILE_NEWER), TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        trainer = "" if trainer_url is None else trainer_address(trainer_url)
        folder = SHIPPED / bundle if isinstance(bundle, str) else bundle
        chance = np.random.default_rng() if rng is None else rng
        clock = (Surroundings() if around is None else around).clock
        profile, learning = Profile.open(
            Path(profile_dir),
            lambda store: Learning.load(store, folder, trusted_keys, chance, layout, redact, clock),
            clock(),
        )
        return cls(profile, learning, trainer, cipher, transport, around, chance, policy or Policy())

    def suggest(
        self,
        context: str,
        typed: str,
        touches: Touches | None = None,
        *,
        field: InputField = InputField.TEXT,
    ) -> Suggestions:
        """Return what to show for the token being typed. context: the text before it.

        typed "": three words that may come next. Else corrections and completions of the last run of letters
        in the token; numbers, addresses, code and the like are left alone. Case and outer punctuation are
        those of what was typed; names, "I" and the like get their capitals. Offensive words are never shown
        unless they were typed. Needs neither disk nor network.

        touches: where each character of `typed` was touched, (x, y) in key widths and heights of the layout,
        None for those without. One far off its key is left out. Raises Refused (TOUCHES_MALFORMED).
        field: the kind of field; for passwords and one-time codes only what was typed is shown.
        """
        predictor = self._learning.predictor
        points = touches_of(predictor.layout, typed, touches)
        if not field.suggests:
            return as_typed(typed)
        redactor, preferences = self._learning.redactor, self._preferences.current
        with self._typing:
            return suggestions(redactor, self._adapter, preferences, context, typed, points)

    def record(
        self,
        context: str,
        typed: str,
        kept: str,
        touches: Touches | None = None,
        *,
        field: InputField = InputField.TEXT,
    ) -> Receipt:
        """Learn what the user kept of what was typed; return the receipt for `undo`.

        context: the text before it. kept: what stands there now, which may be what was typed, a suggestion,
        or something else. touches: as in `suggest`; they teach where this user's fingers land. Only counts of
        words and sums of touches are kept; a word that the bundle lacks is learnt when it was kept three
        times over two sessions (from opening the profile, or from half an hour without a record).
        Nothing is learnt in any field but TEXT, within `private`, or while `paused`; nor are numbers,
        addresses, codes, random strings, and what is said to be a secret. Raises Refused
        (TOUCHES_MALFORMED), TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was learned, and suggestions
        go on.
        """
        points = touches_of(self._learning.predictor.layout, typed, touches)
        with self._typing:
            if not field.learns or self._private or self.paused:
                return record_nothing(self._learning)
            return record(self._learning, self._adapter, context, typed, kept, points)

    def undo(self, receipt: Receipt) -> None:
        """Take back what one `record` learned, as if it had not been.

        Raises Refused (RECEIPT_UNKNOWN) if it was taken back already, is not of this object, or is more than
        200 words old; TryAgain (DISK_FULL, STORAGE_FAILED), and then nothing was changed.
        """
        with self._typing:
            self._learning.recorder.undo(receipt)

    @contextmanager
    def private(self) -> Iterator[None]:
        """Learn nothing within this block, in any thread; blocks may nest. Suggestions go on."""
        with self._typing:
            self._private += 1
        try:
            yield
        finally:
            with self._typing:
                self._private -= 1

    @property
    def paused(self) -> bool:
        """Whether learning is paused; False until the app or its user says so. Kept in the profile."""
        return self._profile.store.setting(_PAUSED) is not None

    @paused.setter
    def paused(self, paused: bool) -> None:
        """Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed."""
        with self._typing:
            if paused:
                self._profile.store.set_setting(_PAUSED, "1")
            else:
                self._profile.store.drop_setting(_PAUSED)

    @property
    def level(self) -> Level:
        """How readily autocorrect acts; NORMAL until the app or its user chooses. Kept in the profile."""
        return self._preferences.current.level

    @level.setter
    def level(self, level: Level) -> None:
        """Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed."""
        with self._typing:
            self._preferences.set_level(level)

    def never_correct(self, word: str, never: bool = True) -> None:
        """Leave a word as it is typed from now on; never=False: correct it again.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed.
        """
        with self._typing:
            self._preferences.never_correct(normalize(word), never)

    def never_corrected(self) -> tuple[str, ...]:
        """Return the words that are left as they are typed, in alphabetical order."""
        return tuple(sorted(self._preferences.current.never_correct))

    def forget_word(self, word: str) -> None:
        """Forget a word and everything counted around it, for good; earlier receipts may no longer work.

        Counts of events stay: they name no word. Raises TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        with self._typing:
            self._learning.recorder.forget_word(normalize(word))
            self._note("word_forgotten", "A word was forgotten.")
            self._profile.store.database.scrub()

    def sync(
        self, progress: ProgressCallback | None = None, wait_seconds: float = WAIT_SECONDS
    ) -> SyncResult:
        """Send encrypted counts to the trainer, fetch the update, judge it here; return how it ended.

        progress: told each step. wait_seconds: how long the trainer may train; if it takes longer the outcome
        is PENDING and the next sync goes on, as it does after `cancel`. Raises TryAgain (TRAINER_UNREACHABLE
        and others; the report waits here), Untrusted, Refused, StartOver, Outdated. What the trainer sees is
        the same whatever the outcome.
        """
        with self._stopper.one_sync():
            try:
                return self._syncer().run(progress, wait_seconds)
            finally:
                self._use_adapter()

    def cancel(self) -> None:
        """End the sync under way, if there is one, from another thread; its outcome is CANCELLED.

        Nothing is lost: the next sync goes on where it was. Returns at once; the sync ends within seconds.
        """
        self._stopper.cancel()

    def rollback(self) -> int:
        """Go back to the adapter version before the one in use, or to none; return the version now in use."""
        with self._typing, self._profile.store.transaction():
            self._learning.adapters.roll_back()
            version = self._learning.adapters.in_use().version
            self._note("rolled_back", f"The adapter was rolled back to {_version_words(version)}.")
        self._use_adapter()
        return version

    def forget(self) -> Deletion:
        """Remove everything learned and every key here, and ask the trainer to delete this device.

        What is here is gone whether or not the trainer answers; if it does not, it is asked again by the next
        `forget` or `sync`. Raises TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        with self._stopper.instead():
            with self._typing:
                self._profile.wipe()
                self._learning.recorder.reload()
                self._preferences = StoredPreferences(self._profile.store)
                self._use_adapter()
            leaving = Trainers(self._profile.store.database).to_leave()
            if not leaving:
                return Deletion.NOTHING_THERE
            return Deletion.CONFIRMED if all(map(self._left, leaving)) else Deletion.PENDING

    def status(self) -> Status:
        """Return the profile at a glance, with what went wrong and what to do about it."""
        from quietkeys.status import status_of

        with self._typing:
            return status_of(self._profile, self._learning, self._trainer)

    def ledger(self) -> tuple[LedgerLine, ...]:
        """Return what was sent, received and decided so far, oldest first, in words for the user."""
        return tuple(self._profile.store.ledger())

    def close(self) -> None:
        """Let go of the profile; a sync under way is cancelled. Suggestions still work."""
        self._stopper.close()
        self.schedule.stop()
        with self._stopper.instead(), self._typing:
            self._profile.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "Personalizer(...)"

    def _syncer(self) -> Syncer:
        from quietkeys.sync import Syncer
        from quietkeys.sync_parts import Parts

        if not self._trainer:
            raise Refused(ErrorCode.ADDRESS_UNSAFE)
        learning, make_cipher = self._learning, self._cipher or self._real_cipher
        return Syncer(
            Parts(
                profile=self._profile.folder,
                store=self._profile.store,
                plan=learning.predictor.plan,
                events=learning.predictor.events,
                masses=lambda: learning.recorder.masses,
                cipher=make_cipher(self._profile.folder / KEYS, learning.predictor.plan),
                trainer=self._trainer,
                transport=self._transport_to(self._trainer),
                rng=self._rng,
                around=self._around,
                stop=self._stopper.event,
                minimum_events=self.schedule.policy.minimum_events,
                trial_events=self.schedule.policy.trial_events,
            )
        )

    def _real_cipher(self, folder: Path, plan: Plan) -> Cipher:
        from quietkeys.cipher import Parameters, ProcessCipher

        parameters = Parameters.of(plan, self._learning.specification)
        return ProcessCipher(folder, parameters, stop=self._stopper.event)

    def _transport_to(self, trainer: str) -> Transport:
        from quietkeys.transport import RequestsTransport

        if self._transport is not None and trainer == self._trainer:
            return self._transport
        return RequestsTransport(trainer, self._stopper.event)

    def _left(self, trainer: str) -> bool:
        """Return whether a trainer has confirmed that this device is deleted there."""
        from quietkeys.departure import leave

        try:
            leave(
                self._profile.folder,
                self._profile.store,
                trainer,
                self._transport_to(trainer),
                self._around,
            )
        except QuietkeysError:
            return False
        return True

    def _use_adapter(self) -> None:
        with self._typing:
            self._adapter = self._learning.adapter_in_use()

    def _note(self, kind: str, text: str) -> None:
        self._profile.store.write_ledger(self._around.clock(), kind, text)


def _version_words(version: int) -> str:
    return f"version {version}" if version else "none"
