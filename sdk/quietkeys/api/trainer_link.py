"""What an open profile has to do with trainers: syncing with one, and leaving all of them.

One thing at a time. Nothing heavy is imported before a sync begins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from numpy.random import Generator

from quietkeys.answers import Deletion, Inspection
from quietkeys.api.consent import require_consent
from quietkeys.api.open_profile import Opened
from quietkeys.profile.folder import FHE_KEYS, KEYS
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.outbox import Outbox
from quietkeys.profile.settings import CONSENT, WIPING
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.trust import trust_key, trusted_key
from quietkeys.sync.policy import Policy
from quietkeys.sync.result import ProgressCallback, SyncResult
from quietkeys.sync.stopper import Stopper
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.plan import Plan

if TYPE_CHECKING:  # imported when a sync begins
    from quietkeys.cipher.interface import Cipher
    from quietkeys.remote.client import TrainerClient
    from quietkeys.remote.http import Transport
    from quietkeys.sync.context import Parts
    from quietkeys.sync.run import Syncer

_NO_TRAINER: Final = "https://trainer.invalid"  # for what is never sent (RFC 2606)
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """Which trainer: its address in canonical form, "" for none.

    key: the one to trust, None for the first it shows. invite: for a trainer that lets in nobody without one.
    certificates: to verify it with, None for the public ones.
    """

    url: str
    key: bytes | None = None
    invite: str = ""
    certificates: Path | None = None


class Exchange:
    """The trainer's side of an open profile.

    destination: the trainer. cipher, transport: for tests, None for the real ones. stopper: ends the sync
    under way. policy: how many events an update takes.
    """

    def __init__(
        self,
        opened: Opened,
        destination: Destination,
        cipher: Callable[[Path, Plan], Cipher] | None,
        transport: Transport | None,
        rng: Generator,
        stopper: Stopper,
        policy: Policy,
    ) -> None:
        self.trainer = destination.url
        self._destination = destination
        self._opened = opened
        self._cipher = self._real_cipher if cipher is None else cipher
        self._transport = transport
        self._rng = rng
        self._stopper = stopper
        self._policy = policy
        self._outbox.tidy()
        if destination.url and destination.key is not None:
            self._trust(destination.key)

    def sync(self, progress: ProgressCallback | None, wait_seconds: float, metered: bool) -> SyncResult:
        """Run one sync; `Personalizer.sync` says what that is."""
        with self._stopper.one_sync():
            try:
                return self.syncer(metered).run(progress, wait_seconds)
            finally:
                self._opened.use_adapter()

    def inspect(self) -> Inspection:
        """Return what would leave and what is here; `Personalizer.inspect` says what that is."""
        from quietkeys.api.inspection import inspect
        from quietkeys.cipher import Parameters

        learning, frames = self._opened.learning, None
        if self._cipher == self._real_cipher:
            frames = Parameters.of(learning.predictor.plan, learning.specification).frames
        with self._stopper.one_sync():
            return inspect(self._parts(), learning.predictor.memory, frames)

    def syncer(self, metered: bool = False) -> Syncer:
        """Return what runs a sync with this trainer. Raises Refused (ADDRESS_UNSAFE) if there is none.

        metered: whether bytes cost, so that keys are not uploaded now.
        """
        from quietkeys.sync.run import Syncer

        if not self.trainer:
            raise Refused(ErrorCode.ADDRESS_UNSAFE)
        return Syncer(replace(self._parts(), may_upload_keys=lambda _: not metered))

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """While no sync is under way, and none begins."""
        with self._stopper.one_sync(), self._opened.typing:
            yield

    @contextmanager
    def talk(self) -> Iterator[tuple[Parts, TrainerClient]]:
        """While no sync is under way: what speaks with the trainer about the devices of a circle.

        Raises as `Personalizer.sync`.
        """
        from quietkeys.remote.client import TrainerClient
        from quietkeys.remote.enrolment import ensure_enrolled, leave
        from quietkeys.remote.http import StoppableTransport
        from quietkeys.remote.identity import identity_for

        if not self.trainer:
            raise Refused(ErrorCode.ADDRESS_UNSAFE)
        profile, around = self._opened.profile, self._opened.around
        require_consent(profile.store)
        with self._stopper.one_sync():
            parts = self._parts()
            if self.trainer in self._to_leave():
                leave(profile.folder, profile.store, self.trainer, parts.transport, around)
            transport = StoppableTransport(parts.transport, parts.stop)
            identity = identity_for(profile.folder, self.trainer, profile.store.database.key)
            client = TrainerClient(identity, transport, around, self._destination.invite)
            ensure_enrolled(profile.store, self.trainer, client, lambda: None)
            try:
                yield parts, client
            finally:
                parts.cipher.close()
                profile.store.add_bytes_sent(sum(client.traffic.sent.values()))

    def cipher(self) -> Cipher:
        """Return the cipher of this profile; closed by whoever asked for it."""
        profile = self._opened.profile
        return self._cipher(profile.folder / KEYS, self._opened.learning.predictor.plan)

    def forget(self) -> Deletion:
        """Remove everything here, then leave every trainer. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self._stopper.instead():
            self._opened.wipe()
            if self._to_leave():
                self._note_key_destroyed()
            return self._leave_all()

    def withdraw(self) -> Deletion:
        """Remove consent, keys and what was to be sent, then leave every trainer; raises as `forget`."""
        profile = self._opened.profile
        with self._stopper.instead():
            with profile.store.transaction():
                if profile.store.setting(CONSENT) is not None:
                    profile.store.drop_setting(CONSENT)
                    text = "You took your consent back. Nothing is sent any more."
                    self._opened.note(LedgerKind.CONSENT_WITHDRAWN, text)
                self._outbox.close()
                Trainers(profile.store.database).leave_all()
                if self._to_leave():
                    self._note_key_destroyed()
                profile.store.set_setting(WIPING, True)
            profile.finish_wipe()
            return self._leave_all()

    def cancel(self) -> None:
        """End the sync under way, if there is one."""
        self._stopper.cancel()

    def close(self) -> None:
        """End what waits for the trainer, then let go of the profile."""
        self._stopper.close()
        with self._stopper.instead(), self._opened.typing:
            self._opened.profile.close()

    def _trust(self, trainer_key: bytes) -> None:
        store = self._opened.profile.store
        if trusted_key(store, self.trainer) != trainer_key:
            with store.transaction():
                trust_key(store, self.trainer, trainer_key)
                Trainers(store.database).unsure(self.trainer)

    @property
    def _outbox(self) -> Outbox:
        profile, plan = self._opened.profile, self._opened.learning.predictor.plan
        return Outbox(profile.store.database, profile.folder, plan)

    def _to_leave(self) -> list[str]:
        return Trainers(self._opened.profile.store.database).to_leave()

    def _leave_all(self) -> Deletion:
        leaving = self._to_leave()
        if not leaving:
            return Deletion.NOTHING_THERE
        answers = {self._left(trainer) for trainer in leaving}
        worst = (Deletion.UNPROVEN, Deletion.PENDING, Deletion.CONFIRMED)
        return next(answer for answer in worst if answer in answers)

    def _left(self, trainer: str) -> Deletion:
        """Return what a trainer says about this device's deletion there."""
        from quietkeys.remote.enrolment import leave

        profile = self._opened.profile
        try:
            leave(profile.folder, profile.store, trainer, self._transport_to(trainer), self._opened.around)
        except QuietkeysError as error:
            _LOG.warning("not deleted at the trainer: %s", error.code.value)
            if error.code not in (ErrorCode.TRAINER_KEY_CHANGED, ErrorCode.DELETION_UNPROVEN):
                return Deletion.PENDING
            changed = error.code is ErrorCode.TRAINER_KEY_CHANGED
            kind = LedgerKind.TRAINER_KEY_CHANGED if changed else LedgerKind.DELETION_UNPROVEN
            self._opened.note(kind, "A trainer's answer does not prove that it deleted this device.")
            return Deletion.UNPROVEN
        return Deletion.CONFIRMED

    def _note_key_destroyed(self) -> None:
        self._opened.note(
            LedgerKind.KEY_DESTROYED,
            "The secret key was destroyed on this device. Whatever a trainer may still hold, nobody can"
            " decrypt it.",
        )

    def _parts(self) -> Parts:
        from quietkeys.sync.circle.membership import place_in
        from quietkeys.sync.context import Parts

        profile, learning = self._opened.profile, self._opened.learning
        return Parts(
            profile=profile.folder,
            store=profile.store,
            plan=learning.predictor.plan,
            events=learning.predictor.events,
            masses=lambda: learning.recorder.masses,
            cipher=self.cipher(),
            trainer=self.trainer,
            transport=self._transport_to(self.trainer or _NO_TRAINER),
            rng=self._rng,
            around=self._opened.around,
            stop=self._stopper.event,
            minimum_events=self._policy.minimum_events,
            trial_events=self._policy.trial_events,
            place=place_in(profile.store),
            invite=self._destination.invite,
        )

    def _real_cipher(self, folder: Path, plan: Plan) -> Cipher:
        from quietkeys.cipher import Parameters, ProcessCipher

        parameters = Parameters.of(plan, self._opened.learning.specification)
        file_key = self._opened.profile.vault.key.file_key(FHE_KEYS)
        return ProcessCipher(folder, parameters, file_key=file_key, stop=self._stopper.event)

    def _transport_to(self, trainer: str) -> Transport:
        from quietkeys.remote.http import RequestsTransport

        if self._transport is not None and trainer == self.trainer:
            return self._transport
        own = trainer == self.trainer
        certificates = self._destination.certificates if own else None
        return RequestsTransport(trainer, self._stopper.event, certificates)
