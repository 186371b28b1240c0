"""What an open profile has to do with trainers: syncing with one, and leaving all of them.

One thing at a time. Nothing heavy is imported before a sync begins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietkeys.answers import Deletion, Inspection
from quietkeys.api.open_profile import OpenProfile
from quietkeys.api.trainer import Trainer
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.counting import Masses
from quietkeys.profile.folder import FHE_KEYS, KEYS
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.outbox import Outbox
from quietkeys.profile.settings import CONSENT, WIPING
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.sent import RecordedTransport, SentRecord
from quietkeys.remote.trust import trust_key, trusted_key
from quietkeys.sync.consent_record import require_consent
from quietkeys.sync.result import ProgressCallback, SyncResult
from quietkeys.sync.schedule import Policy
from quietkeys.updates.evidence import evidence
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.plan import Plan

if TYPE_CHECKING:  # imported when a sync begins
    from quietkeys.cipher.interface import Cipher
    from quietkeys.remote.client import TrainerClient
    from quietkeys.remote.http import Transport
    from quietkeys.sync.context import SyncContext

_NO_TRAINER: Final = "https://trainer.invalid"  # for what is never sent (RFC 2606)
_LOG: Final = logging.getLogger(__name__)


class TrainerLink:
    """The trainer's side of an open profile.

    trainer: which one, None for none. policy: when syncs may run, and how many events an update takes.
    cipher, transport: what a test puts in the place of encryption, of a folder for its keys and the plan, and
    of the network; None for the real ones.
    """

    def __init__(
        self,
        opened: OpenProfile,
        trainer: Trainer | None,
        policy: Policy,
        cipher: Callable[[Path, Plan], Cipher] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.policy: Final = policy
        self.trainer = "" if trainer is None else trainer.url
        self._enrolment_token = "" if trainer is None else trainer.enrolment_token
        self._certificates = None if trainer is None else trainer.certificates
        self._opened = opened
        self._stopper = opened.stopper
        self._cipher = self._real_cipher if cipher is None else cipher
        self._transport = transport
        self.sent: Final = SentRecord(opened.profile.store.database, opened.environment.clock)
        self._outbox = Outbox(opened.profile.store.database, opened.profile.folder, opened.model.plan)
        if opened.profile.store.database.obstacle() is None:
            self._outbox.tidy()
            if trainer is not None and trainer.key is not None:
                self._trust(trainer.key)

    def sync(self, progress: ProgressCallback | None, wait_seconds: float, metered: bool) -> SyncResult:
        """Run one sync; `Personalizer.sync` says what that is.

        Raises Refused (ADDRESS_UNSAFE) if there is no trainer.
        """
        from quietkeys.sync.run import run_sync

        with self._stopper.one_sync():
            try:
                return run_sync(self.context(metered), progress, wait_seconds)
            finally:
                self._opened.use_adapter()

    def inspect(self) -> Inspection:
        """Return what would leave and what is here; `Personalizer.inspect` says what that is."""
        from quietkeys.api.inspection import inspect
        from quietkeys.cipher import Parameters

        model, frames = self._opened.model, None
        if self._cipher == self._real_cipher:
            frames = Parameters.of(model.plan, model.specification).frames
        with self._stopper.one_sync():
            return inspect(self._context(), model.predictor.memory, frames)

    def context(self, metered: bool = False) -> SyncContext:
        """Return what a sync with this trainer works on. Raises Refused (ADDRESS_UNSAFE) if there is none.

        metered: whether bytes cost, so that keys are not uploaded now.
        """
        if not self.trainer:
            raise Refused(ErrorCode.ADDRESS_UNSAFE)
        return self._context(metered)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let no sync run for as long as the block lasts."""
        with self._stopper.one_sync(), self._opened.typing:
            yield

    @contextmanager
    def talk(self) -> Iterator[tuple[SyncContext, TrainerClient]]:
        """Let no sync run while the block lasts; yield what speaks with the trainer about a circle's devices.

        Raises as `Personalizer.sync`.
        """
        from quietkeys.remote.enrolment import ensure_enrolled
        from quietkeys.sync.run import client_for

        if not self.trainer:
            raise Refused(ErrorCode.ADDRESS_UNSAFE)
        store = self._opened.profile.store
        require_consent(store)
        with self._stopper.one_sync():
            context = self._context()
            client = client_for(context)
            ensure_enrolled(context.profile, store, self.trainer, client, context.environment)
            try:
                yield context, client
            finally:
                context.cipher.close()
                store.add_bytes_sent(sum(client.traffic.sent.values()))

    def cipher(self) -> Cipher:
        """Return the cipher of this profile; closed by whoever asked for it."""
        profile = self._opened.profile
        return self._cipher(profile.folder / KEYS, self._opened.model.plan)

    def forget(self) -> Deletion:
        """Remove everything here, then leave every trainer. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self._stopper.instead():
            self._opened.wipe()
            self.sent.forget()
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
        """Delete this device at a trainer; return what its answer proves, and note doubts in the ledger."""
        from quietkeys.remote.enrolment import leave

        profile = self._opened.profile
        try:
            leave(
                profile.folder, profile.store, trainer, self._transport_to(trainer), self._opened.environment
            )
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

    def _context(self, metered: bool = False) -> SyncContext:
        from quietkeys.sync.context import SyncContext

        profile, model = self._opened.profile, self._opened.model
        profile.store.database.require()
        return SyncContext(
            profile=profile.folder,
            store=profile.store,
            plan=model.plan,
            events=model.events,
            masses=self._masses,
            public=model.public,
            cipher=self.cipher(),
            trainer=self.trainer,
            transport=self._transport_to(self.trainer or _NO_TRAINER),
            environment=self._opened.environment,
            stop=self._stopper.event,
            minimum_events=self.policy.minimum_events,
            trial_events=self.policy.trial_events,
            metered=metered,
            enrolment_token=self._enrolment_token,
        )

    def _masses(self, adapter: Adapter) -> Mapping[str, Masses]:
        model = self._opened.model
        with self._opened.typing:
            own = model.recorder.counted()
        return evidence(model.events, model.plan, own, model.public(), adapter)

    def _real_cipher(self, folder: Path, plan: Plan) -> Cipher:
        from quietkeys.cipher import Parameters, device_cipher

        parameters = Parameters.of(plan, self._opened.model.specification)
        file_key = self._opened.profile.vault.key.file_key(FHE_KEYS)
        return device_cipher(folder, parameters, file_key=file_key, stop=self._stopper.event)

    def _transport_to(self, trainer: str) -> Transport:
        # Nothing leaves but through this, and nothing through this without being on record.
        return RecordedTransport(self._bare_transport_to(trainer), trainer, self.sent)

    def _bare_transport_to(self, trainer: str) -> Transport:
        from quietkeys.remote.http import RequestsTransport

        if self._transport is not None and trainer == self.trainer:
            return self._transport
        own = trainer == self.trainer
        certificates = self._certificates if own else None
        return RequestsTransport(trainer, self._stopper.event, certificates)
