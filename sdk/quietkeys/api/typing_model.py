"""What a profile knows and a bundle judges: the typing path of one open profile."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from numpy.random import Generator

from quietkeys.bundle.bundle import Manifest, open_bundle
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.redaction import Redactor
from quietkeys.prediction.scorer import Adapter
from quietkeys.profile.memory import Memory
from quietkeys.profile.settings import BUNDLE_SEEN, PLAN
from quietkeys.profile.store import Store
from quietkeys.updates.versions import Adapters, adapter_of
from quietkeys_protocol.errors import ErrorCode, Untrusted

SPECIFICATION: Final = "client_specification.json"


@dataclass(frozen=True, slots=True)
class Learning:
    """The model of a verified bundle over the profile's memory, the recorder, the adapter versions.

    redactor: what every text goes through first.

    manifest: of the bundle. specification: the pinned encryption parameters in it. Its other bytes, twelve
    megabytes, are not kept.
    """

    manifest: Manifest
    specification: bytes = field(repr=False)
    predictor: Predictor
    recorder: Recorder
    adapters: Adapters
    redactor: Redactor

    @classmethod
    def load(
        cls,
        store: Store,
        folder: Path,
        trusted_keys: Sequence[bytes],
        rng: Generator,
        layout: Layout = QWERTY,
        redact: Sequence[re.Pattern[str]] = (),
        clock: Callable[[], float] = time.time,
    ) -> Learning:
        """Return what a store and the bundle in `folder` make together, typed on a layout.

        redact: the app's own patterns of what is never to be learnt. clock: seconds, for sessions.

        Raises Untrusted (BUNDLE_UNTRUSTED; PROFILE_DAMAGED for what the store holds), TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        pin = BUNDLE_SEEN.of(folder.name)
        seen = max(store.setting(pin) or 1, 1)
        bundle = open_bundle(folder, minimum_version=seen, trusted_keys=trusted_keys)
        model = load_model(bundle, layout)
        if model.plan.hash != bundle.manifest.plan:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its plan is not the one it names")
        if hashlib.sha256(bundle[SPECIFICATION]).hexdigest() != bundle.manifest.client_specification:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its client specification is not the one it names")
        if bundle.manifest.version > seen or store.setting(PLAN) != model.plan.hash:
            with store.transaction():
                store.set_setting(pin, bundle.manifest.version)
                if store.setting(PLAN) != model.plan.hash:  # other events: the counts mean something else
                    store.forget_events()
                    store.set_setting(PLAN, model.plan.hash)
        predictor = Predictor(model, Memory())
        recorder = Recorder(predictor, store, rng, clock=clock)
        adapters = Adapters(store.database, model.plan)
        learning = cls(
            bundle.manifest, bundle[SPECIFICATION], predictor, recorder, adapters, Redactor(predictor, redact)
        )
        learning.adapter_in_use()
        return learning

    def adapter_in_use(self) -> Adapter:
        """Return the adapter in use. Raises Untrusted (PROFILE_DAMAGED)."""
        return adapter_of(self.predictor.plan, self.adapters.in_use())
