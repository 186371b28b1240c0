"""A circle of two devices at the real service under real keys: the SDK's own syncs, on one small plan."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from quietkeys.cipher import ProcessCipher
from quietkeys.environment import Environment
from quietkeys.files import make_folder
from quietkeys.keyboard import edits
from quietkeys.prediction.counting import Choices, Masses
from quietkeys.prediction.events import FEATURES, FIRST_UNKNOWN, EventMap
from quietkeys.prediction.public_choices import PublicChoices
from quietkeys.profile.settings import CONSENT
from quietkeys.profile.store import Store
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.enrolment import ensure_enrolled
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import identity_for
from quietkeys.sync.circle.attendance import Attendance
from quietkeys.sync.circle.moving import (
    begin_joining,
    begin_leaving,
    finish_joining,
    finish_leaving,
    invite,
)
from quietkeys.sync.consent_record import ConsentRecord
from quietkeys.sync.context import SyncContext
from quietkeys.sync.keys.life import KeyLife
from quietkeys.sync.result import Outcome, SyncResult
from quietkeys.sync.run import run_sync
from quietkeys.updates.gate import distance
from quietkeys.vault.sealing import DataKey
from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from tests.fhe_fixtures import SMALL_PLAN, Compiled
from tests.trainer.conftest import Rig

pytestmark = pytest.mark.fhe

UNITS: Final = (("floor", 1.0), ("prior", 1.0), ("pull", 100.0), ("ratio_limit", 0.9))
COUNTED: Final = Plan(  # the small plan, with what turns counts into its integers
    bundle=SMALL_PLAN.bundle,
    blocks=tuple(replace(block, units=UNITS) for block in SMALL_PLAN.blocks),
    sources=SMALL_PLAN.sources,
)


@dataclass(slots=True)
class Noting:
    """A cipher that remembers what went in and out."""

    inner: ProcessCipher
    sent: list[Int64] = field(default_factory=list)
    decrypted: list[Int64] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        """All else."""
        return getattr(self.inner, name)

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """Encrypt."""
        self.sent = list(arrays)
        return self.inner.encrypt(arrays)

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """Decrypt."""
        self.decrypted = self.inner.decrypt(values)
        return self.decrypted


@dataclass(frozen=True, slots=True)
class Device:
    """One device, without a keyboard."""

    context: SyncContext
    cipher: Noting

    @property
    def client(self) -> TrainerClient:
        """Its way to the trainer."""
        context = self.context
        identity = identity_for(context.profile, context.trainer, context.store.database.key)
        client = TrainerClient(identity, context.transport, context.environment)
        ensure_enrolled(context.profile, context.store, context.trainer, client, context.environment)
        return client

    def sync(self) -> SyncResult:
        """A whole sync."""
        return run_sync(self.context, None, 120.0)

    def fingerprint(self) -> str:
        """Of its keys."""
        return self.cipher.inner.fingerprint()


def no_events() -> EventMap:
    """Events for a gate that has nothing to judge by."""
    width = len(FEATURES)
    return EventMap(
        np.full(edits.EDIT_COUNT, -1),
        np.arange(1),
        np.zeros((1, width)),
        np.ones(width),
        np.zeros(width),
        np.zeros((width, 1)),
        np.zeros(FIRST_UNKNOWN + 1),
    )


def masses(seed: int) -> Mapping[str, Masses]:
    """What somebody has typed."""
    draw = np.random.default_rng(seed)
    return {
        block.name: Masses(*(draw.uniform(1.0, 30.0, len(block.events)) for _ in range(2)))
        for block in COUNTED.blocks
    }


@contextmanager
def device(folder: Path, url: str, compiled: Compiled, seed: int) -> Iterator[Device]:
    """A device whose user has agreed."""
    make_folder(folder)
    store = Store.open(folder / "profile.sqlite", DataKey.generate())
    consent = ConsentRecord("Yes.", hashlib.sha256(b"Yes.").hexdigest(), 0.0)
    store.set_setting(CONSENT, asdict(consent))
    cipher = Noting(ProcessCipher(folder / "keys", compiled.parameters))
    nothing = Choices.of(no_events(), [])
    context = SyncContext(
        profile=folder,
        store=store,
        plan=COUNTED,
        events=no_events(),
        masses=lambda _: masses(seed),
        public=lambda: PublicChoices(nothing, 1, nothing, nothing),
        cipher=cipher,  # type: ignore[arg-type] # what it lacks is the inner one's
        trainer=url,
        transport=RequestsTransport(url),
        environment=Environment(rng=np.random.default_rng(seed)),
        stop=threading.Event(),
        minimum_events=0,
    )
    try:
        yield Device(context, cipher)
    finally:
        cipher.inner.close()
        store.close()


def test_two_devices_train_together_and_part(real_session: Rig, compiled: Compiled, tmp_path: Path) -> None:
    """They join, train on the sum of both, get new keys by mail, part, and then share no key."""
    url = real_session.trainer.url
    with (
        device(tmp_path / "phone", url, compiled, 1) as phone,
        device(tmp_path / "tablet", url, compiled, 2) as tablet,
    ):
        assert phone.sync().outcome is Outcome.KEPT_OLD
        secret = invite(phone.context, phone.client, "phone")
        begin_joining(tablet.context, secret, "tablet")
        finish_joining(tablet.context, tablet.client)
        assert tablet.fingerprint() == phone.fingerprint()

        assert tablet.sync().outcome is Outcome.KEPT_OLD
        assert phone.sync().outcome is Outcome.KEPT_OLD
        both = [one + two for one, two in zip(phone.cipher.sent, tablet.cipher.sent, strict=True)]
        for index, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, phone.cipher.decrypted, strict=True)):
            expected, _ = reference(block, *both[2 * index : 2 * index + 2])
            assert np.abs(weights - expected).max() <= 90  # what approximate rounding explains
            alone, _ = reference(block, *phone.cipher.sent[2 * index : 2 * index + 2])
            assert distance(block, weights, expected) < distance(block, weights, alone)

        shared = phone.fingerprint()
        with phone.context.store.transaction():
            KeyLife(phone.context.store).retire(shared)
        assert phone.sync().outcome is Outcome.KEPT_OLD
        assert tablet.sync().outcome is Outcome.KEPT_OLD
        assert tablet.fingerprint() == phone.fingerprint() != shared
        assert Attendance(tablet.context, tablet.client).attend().sources == 2

        shared = phone.fingerprint()
        begin_leaving(tablet.context)
        finish_leaving(tablet.context, tablet.client)
        assert phone.sync().outcome is tablet.sync().outcome is Outcome.KEPT_OLD
        assert len({shared, phone.fingerprint(), tablet.fingerprint()}) == 3
        assert phone.client.circle().key_id == phone.fingerprint()
        for one in (phone, tablet):
            one.client.delete_device()
