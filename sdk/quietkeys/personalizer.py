"""The facade: a keyboard that learns its user, in one object.

    with Personalizer.open("profile", trainer=Trainer("https://trainer.example")) as keyboard:
        keyboard.suggest("see you", "tomorow").correction       # "tomorrow"
        receipt = keyboard.record("see you", "tomorow", "tomorrow")
        keyboard.consent.give("Encrypted counts of my typing may go to trainer.example.")
        keyboard.sync()

Text goes in and suggestions come out in this process; text is neither kept nor sent. What is kept is counts,
what is sent is encrypted. Every method may be called from any thread; none but `sync`, `forget` and
`consent.withdraw` waits for anything but the disk, and typing goes on while they do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from quietkeys.answers import Deletion, Inspection, LeftOut, Readiness, Status, Suggestions
from quietkeys.api.app_profiles import AppProfiles
from quietkeys.api.circle import Circle
from quietkeys.api.consent import Consent
from quietkeys.api.input_field import UNSUGGESTED, InputField
from quietkeys.api.keys import Keys
from quietkeys.api.open_profile import EVERYWHERE, OpenProfile
from quietkeys.api.trainer import Trainer
from quietkeys.api.trainer_link import TrainerLink
from quietkeys.api.vocabulary import Vocabulary
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.keyboard.touch_model import Touches, touches_of
from quietkeys.learning.recorder import UndoReceipt, record
from quietkeys.prediction.levels import Level
from quietkeys.prediction.redaction import stretches
from quietkeys.prediction.suggest import as_typed, suggestions
from quietkeys.profile.ledger import LedgerKind, LedgerLine
from quietkeys.profile.settings import LAST_SYNC, PAUSED
from quietkeys.remote.sent import Sent
from quietkeys.remote.trust import DeletionReceipt, receipts_in
from quietkeys.sync.result import LastSync, ProgressCallback, SyncResult
from quietkeys.sync.schedule import Policy, Scheduler
from quietkeys.vault.human_code import RecoveryCode
from quietkeys.vault.protection import Protection

WAIT_SECONDS: Final = 120.0  # for the trainer to train
YIELD_SECONDS: Final = 0.0005  # between stretches of one record, so that others get their turn


class Personalizer:
    """One open profile. Made by `open`; ends with `close`, or the `with` block."""

    apps: Final[AppProfiles]
    """What is learnt and suggested in which app, where it is not as everywhere."""
    circle: Final[Circle]
    """The user's devices that share keys, so that each learns from what is typed on all of them."""
    consent: Final[Consent]
    """The user's consent to sending encrypted counts: given, and taken back."""
    keys: Final[Keys]
    """The keys that counts are encrypted under: how old they are, and new ones."""
    schedule: Final[Scheduler]
    """The syncs to come: `start`, `stop`, `next_slot`, `sync_if_due`."""
    vocabulary: Final[Vocabulary]
    """The user's words: what was learnt of them, and what the user says about them."""

    def __init__(self, opened: OpenProfile, link: TrainerLink) -> None:
        """Both are parts of the SDK: apps use `open`, their tests `quietkeys.testing.open_profile`."""
        self._opened = opened
        self._link = link
        self._profile = opened.profile
        self._model = opened.model
        self._typing = opened.typing
        self.apps = AppProfiles(opened)
        self.circle = Circle(opened, link)
        self.consent = Consent(opened, link)
        self.keys = Keys(opened, link)
        self.vocabulary = Vocabulary(opened)
        self.schedule = Scheduler(
            link.policy,
            opened.profile.store,
            self._sync_in_slot,
            opened.stopper.cancel,
            opened.environment.clock,
        )

    @classmethod
    def open(
        cls,
        profile_dir: str | Path,
        *,
        trainer: Trainer | None = None,
        bundle: str | Path = "en",
        layout: Layout = QWERTY,
        redact: Sequence[re.Pattern[str]] = (),
        protection: Protection | None = None,
        policy: Policy | None = None,
        trusted_keys: Sequence[bytes] = TRUSTED_KEYS,
    ) -> Self:
        """Open the profile in a folder, making it if there is none.

        trainer: whom encrypted counts go to; without one nothing can be synced, everything else works.
        bundle: the name of a shipped bundle, or the folder of one that is signed by a key of `trusted_keys`.
        layout: what is typed on, one of `quietkeys.layouts` or made by `Layout.from_rows`; what is learned of
        touches belongs to its name.
        redact: what is never learnt and never suggested from, beside what is left out anyway (see `record`).
        Each pattern is searched in the line that is typed in, up to what was typed.
        protection: what the profile's key is protected with; None: the key store of this system where it
        works without asking, else a file beside the profile (`status` mentions it). See `protect`.
        policy: when `schedule` syncs; if None once a day, while all conditions hold that the app tells of.
        trusted_keys: Ed25519 public keys (32 bytes each) of who may sign bundles; ours if not given.

        A damaged profile is set aside, and its last good version used, see `status`. On a full disk it opens
        with what was learnt and suggests; what would change it raises TryAgain (DISK_FULL) until it is opened
        again with room. Raises Refused (PROFILE_LOCKED, PROFILE_SEALED), Untrusted (BUNDLE_UNTRUSTED),
        Outdated (PROFILE_NEWER), TryAgain (STORAGE_FAILED, KEY_STORE_FAILED).
        """
        opened = OpenProfile.open(
            Path(profile_dir),
            bundle=bundle,
            layout=layout,
            redact=redact,
            protection=protection,
            trusted_keys=trusted_keys,
        )
        return cls(opened, TrainerLink(opened, trainer, policy or Policy()))

    @staticmethod
    def restore(
        backup: str | Path,
        profile_dir: str | Path,
        secret: str | RecoveryCode,
        *,
        protection: Protection | None = None,
    ) -> None:
        """Make a profile folder of a backup, to be opened then.

        secret: its recovery code, as `keys.back_up` returned it or as somebody typed it, or its passphrase.

        The device that the backup is of must not be used any longer: both would be one to the trainer.
        protection: as in `open`. Raises Refused (BACKUP_SEALED, RECOVERY_CODE_MISTYPED, PROFILE_EXISTS),
        Untrusted (BACKUP_DAMAGED), Outdated (VERSION_UNSUPPORTED, PROFILE_NEWER), TryAgain (DISK_FULL,
        STORAGE_FAILED, KEY_STORE_FAILED); then nothing was made.
        """
        from quietkeys.profile.backup import restore

        restore(Path(backup), Path(profile_dir), secret, protection)

    def suggest(
        self,
        context: str,
        typed: str,
        touches: Touches | None = None,
        *,
        field: InputField = InputField.TEXT,
        app: str = "",
    ) -> Suggestions:
        """Return what to show for the token being typed. context: the text before it.

        typed "": three words that may come next. Else corrections and completions of the last run of letters
        in the token; numbers, addresses, code and the like are left alone. Case and outer punctuation are
        those of what was typed; names, "I" and the like get their capitals. Offensive words are never shown
        unless they were typed. Needs neither disk nor network.

        touches: where each character of `typed` was touched, (x, y) in key widths and heights of the layout,
        None for those without. One far off its key is left out. Raises Refused (TOUCHES_MALFORMED).
        field: the kind of field; for passwords and one-time codes only what was typed is shown.
        app: the name of the app that is typed in, see `apps`.
        """
        predictor = self._model.predictor
        points = None if touches is None else touches_of(predictor.layout, typed, touches)
        opened, here = self._opened, self._opened.in_app(app)
        if field in UNSUGGESTED or not here.suggest:
            return as_typed(typed)
        with self._typing:
            wanted = opened.preferences.current
            if here.level is not None:
                wanted = replace(wanted, level=here.level)
            return suggestions(self._model.redactor, opened.adapter, wanted, context, typed, points)

    def record(
        self,
        context: str,
        typed: str,
        kept: str,
        touches: Touches | None = None,
        *,
        field: InputField = InputField.TEXT,
        app: str = "",
    ) -> UndoReceipt:
        """Learn what the user kept of what was typed; return the receipt for `undo`.

        context: the text before it. kept: what stands there now, which may be what was typed, a suggestion,
        or something else. touches: as in `suggest`; they teach where this user's fingers land. Only counts of
        words and sums of touches are kept; a word that the bundle lacks is learnt when it was kept three
        times over two sessions (from opening the profile, or from half an hour without a record). A text of
        more than a few words is learnt in stretches of a few, in order, and other calls go on between them:
        each is learnt wholly or not at all, and a `forget` meanwhile ends it. Of a text over a million
        characters the beginning is learnt.
        Nothing is learnt in any field but TEXT, in an app where it is not wanted (see `apps`), within
        `private`, or while `paused`; nor are numbers, addresses, codes, random strings, and what is said to
        be a secret. Raises Refused (TOUCHES_MALFORMED; PROFILE_GONE if the folder was removed meanwhile),
        TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was learned of this stretch, nor of any after it,
        and suggestions go on.

        What the user deletes again without sending is the app's to `undo`: nothing else tells.
        """
        model = self._model
        layout = model.predictor.layout
        points = None if touches is None else touches_of(layout, typed, touches)
        with self._typing:
            receipt = model.recorder.record_all(())
            loaded = model.recorder.loaded
        for number, stretch in enumerate(stretches(context, typed, kept, points)):
            time.sleep(YIELD_SECONDS if number else 0.0)
            with self._typing:
                if not self._learns(field, app) or model.recorder.loaded != loaded:
                    break
                record(model.redactor, model.recorder, self._opened.adapter, stretch, receipt)
        return receipt

    def left_out(self, text: str) -> tuple[LeftOut, ...]:
        """Return which parts of a line are not learnt, whatever the field, and why: to show it to its user.

        Digits are learnt nowhere, as they are no words; an unknown word is not learnt yet (see
        `Vocabulary.pending`); neither is told here.
        """
        with self._typing:
            return tuple(LeftOut(*found) for found in self._model.redactor.left_out(text))

    def undo(self, receipt: UndoReceipt) -> None:
        """Take back what one `record` learned, as if it had not been.

        Raises Refused (RECEIPT_UNKNOWN) if it was taken back already, is not of this object, or is more than
        200 words old; TryAgain (DISK_FULL, STORAGE_FAILED), and then nothing was changed.
        """
        with self._typing:
            self._model.recorder.undo(receipt)

    @contextmanager
    def private(self) -> Iterator[None]:
        """Learn nothing within this block, in any thread; blocks may nest. Suggestions go on."""
        with self._typing:
            self._opened.private += 1
        try:
            yield
        finally:
            with self._typing:
                self._opened.private -= 1

    @property
    def paused(self) -> bool:
        """Whether learning is paused; False until the app or its user says so. Kept in the profile."""
        return self._opened.is_paused()

    @paused.setter
    def paused(self, paused: bool) -> None:
        """Pause learning, or go on. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed."""
        self._opened.pause(paused)

    @property
    def level(self) -> Level:
        """How readily autocorrect acts; NORMAL until the app or its user chooses. Kept in the profile."""
        return self._opened.preferences.current.level

    @level.setter
    def level(self, level: Level) -> None:
        """Choose how readily autocorrect acts.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed.
        """
        with self._typing:
            self._opened.preferences.set_level(level)

    def sync(
        self,
        progress: ProgressCallback | None = None,
        wait_seconds: float = WAIT_SECONDS,
        *,
        metered: bool = False,
    ) -> SyncResult:
        """Send encrypted counts to the trainer, fetch the update, judge it here; return how it ended.

        progress: told each step. wait_seconds: how long the trainer may train; if it takes longer the outcome
        is PENDING and the next sync goes on, as it does after `cancel`. metered: whether bytes cost on this
        network; keys, tens of megabytes once a year, then wait for another sync, and the outcome may be
        DEFERRED. Raises Refused (CONSENT_MISSING) before anything is sent if no `consent` is on record,
        TryAgain (TRAINER_UNREACHABLE and others; the report waits here), Untrusted, Refused, StartOver,
        Outdated. What the trainer sees is the same whatever the outcome.
        """
        return self._link.sync(progress, wait_seconds, metered)

    def cancel(self) -> None:
        """End the sync under way, if there is one, from another thread; its outcome is CANCELLED.

        Nothing is lost: the next sync goes on where it was. Returns at once; the sync ends within seconds.
        """
        self._link.cancel()

    def rollback(self) -> int:
        """Go back to the adapter version before the one in use, or to none; return the version now in use."""
        with self._typing, self._profile.store.transaction():
            self._model.adapters.roll_back()
            version = self._model.adapters.in_use().version
            now = f"update {version}" if version else "typing without an update"
            self._opened.note(LedgerKind.ROLLED_BACK, f"You went back to {now}.")
        self._opened.use_adapter()
        return version

    def forget(self) -> Deletion:
        """Remove all that was learned, chosen and agreed to, and every key; have trainers delete this device.

        What is here is gone whether or not a trainer answers; if one does not, it is asked again by the next
        `forget`, `consent.withdraw` or `sync`. What the user truly controls is the secret key: once it is
        destroyed, nobody can decrypt what a trainer may have kept. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        return self._link.forget()

    def protect(self, protection: Protection) -> None:
        """Protect the profile's key otherwise from now on; it stays the same key.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED).
        """
        with self._typing:
            self._opened.profile.vault.protect(protection)

    def status(self) -> Status:
        """Return the profile at a glance, with what went wrong and what to do about it."""
        from quietkeys.api.status import status_of

        with self._typing:
            return status_of(self._profile, self._model, self._link.trainer)

    def readiness(self) -> Readiness:
        """Return how much typing is still missing until a sync can bring an update that is judged."""
        from quietkeys.api.status import readiness_of

        with self._typing:
            words = self._model.recorder.words
        return readiness_of(self._profile.store, words, self._link.policy.minimum_events)

    def last_sync(self) -> LastSync | None:
        """Return the sync that began last, also before the profile was opened; None for none."""
        return LastSync.of_fields(self._profile.store.setting(LAST_SYNC))

    def inspect(self) -> Inspection:
        """Return all that leaves the device, as it would leave, all that is stored, and what was learnt.

        Sends nothing; starts the encryption process if there are keys. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED, CIPHER_FAILED), Untrusted (PROFILE_DAMAGED).
        """
        return self._link.inspect()

    def ledger(self) -> tuple[LedgerLine, ...]:
        """Return what was sent, received and decided so far, oldest first, in words for the user."""
        return tuple(self._profile.store.ledger())

    def sent(self) -> tuple[Sent, ...]:
        """Return every request that left for a trainer, oldest first; one that is under way as far as it is.

        A request is here before its first byte leaves. Its size, hash and first bytes are those of the body
        that the network took; besides, each carries the device's id at that trainer, a time, a number used
        once and a signature. The newest 2,000 are kept, also when the app is closed; a wipe removes them.
        Waits for no sync. Raises Untrusted (PROFILE_DAMAGED), TryAgain (STORAGE_FAILED).
        """
        return self._link.sent.all()

    def receipts(self) -> tuple[DeletionReceipt, ...]:
        """Return what trainers have signed about deletions, verified, oldest first; `forget` keeps them."""
        return receipts_in(self._profile.store)

    def close(self) -> None:
        """Let go of the profile; a sync under way is cancelled. Suggestions still work."""
        self.schedule.stop()
        self._link.close()

    def _sync_in_slot(self) -> SyncResult:
        return self.sync(metered=not self.schedule.policy.conditions().unmetered)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "Personalizer(...)"

    def _learns(self, field: InputField, app: str) -> bool:
        # Whether anything may be learnt now of what is typed in such a field of an app.
        opened = self._opened
        wanted = opened.preferences.current.apps.get(app, EVERYWHERE).learn
        paused = opened.profile.store.setting(PAUSED) is not None
        return field is InputField.TEXT and wanted and not opened.private and not paused
