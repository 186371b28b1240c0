"""What a profile knows and a bundle judges: the typing path of one open profile."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.bundle.bundle import Manifest, open_bundle
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.events import EventMap
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.public_choices import PublicChoices, parse_public_choices
from quietkeys.prediction.redaction import Redactor
from quietkeys.profile.memory import Memory
from quietkeys.profile.settings import BUNDLE_SEEN, PLAN
from quietkeys.profile.store import Store
from quietkeys.updates.versions import Adapters
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan

SPECIFICATION: Final = "client_specification.json"


@dataclass(frozen=True, slots=True)
class TypingModel:
    """The model of a verified bundle over the profile's memory, the recorder, the adapter versions.

    manifest: of the bundle. plan, events: what a report is made by. specification: the pinned encryption
    parameters. The bundle's other bytes, twelve megabytes, are not kept. redactor: what every text goes
    through first.
    """

    manifest: Manifest
    plan: Plan
    events: EventMap
    specification: bytes = field(repr=False)
    predictor: Predictor
    recorder: Recorder
    adapters: Adapters
    redactor: Redactor

    def public(self) -> PublicChoices:
        """Return the bundle's public choices; parsed when asked for. Raises Untrusted (BUNDLE_UNTRUSTED)."""
        return parse_public_choices(self.predictor.model.public, self.events)

    @classmethod
    def load(
        cls,
        store: Store,
        folder: Path,
        trusted_keys: Sequence[bytes],
        environment: Environment,
        layout: Layout = QWERTY,
        redact: Sequence[re.Pattern[str]] = (),
    ) -> TypingModel:
        """Return what a store and the bundle in `folder` make together, typed on a layout.

        environment: its clock tells sessions apart, its rng draws what is kept aside to judge updates by.
        redact: the app's own patterns of what is never to be learnt.

        Raises Untrusted (BUNDLE_UNTRUSTED; PROFILE_DAMAGED for what the store holds), TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        pin = BUNDLE_SEEN.of(folder.name)
        seen = max(store.setting(pin) or 1, 1)
        bundle = open_bundle(folder, minimum_version=seen, trusted_keys=trusted_keys)
        judging = load_model(bundle, layout)
        if judging.plan.hash != bundle.manifest.plan:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its plan is not the one it names")
        if hashlib.sha256(bundle[SPECIFICATION]).hexdigest() != bundle.manifest.client_specification:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its client specification is not the one it names")
        if bundle.manifest.version > seen or store.setting(PLAN) != judging.plan.hash:
            with store.transaction():
                store.set_setting(pin, bundle.manifest.version)
                if store.setting(PLAN) != judging.plan.hash:  # other events: the counts mean something else
                    store.forget_events()
                    store.set_setting(PLAN, judging.plan.hash)
        predictor = Predictor(judging, Memory())
        recorder = Recorder(predictor, store, environment.rng, clock=environment.clock)
        adapters = Adapters(store.database, judging.plan)
        adapters.in_use()  # raises if it is damaged
        return cls(
            manifest=bundle.manifest,
            plan=judging.plan,
            events=judging.events,
            specification=bundle[SPECIFICATION],
            predictor=predictor,
            recorder=recorder,
            adapters=adapters,
            redactor=Redactor(predictor, redact),
        )
