"""What a sync works on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quietkeys.bundle.networks import Adapter
from quietkeys.cipher.interface import Cipher
from quietkeys.environment import Environment
from quietkeys.prediction.counting import Masses
from quietkeys.prediction.events import EventMap
from quietkeys.prediction.public_choices import PublicChoices
from quietkeys.profile.store import Store
from quietkeys.remote.http import Transport
from quietkeys.updates.gate import MINIMUM_EVENTS
from quietkeys_protocol.plan import Plan


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the devices under one key set this is; their reports add up."""

    source: int = 0
    sources: int = 1


@dataclass(frozen=True, slots=True)
class SyncContext:
    """What a sync works on.

    trainer: its address in canonical form. masses: returns what a report is made from, counted under an
    adapter; private. public: returns the bundle's public choices. stop: ends waiting.
    enrolment_token: for a trainer that asks for one. metered: whether bytes cost, so that keys wait.
    minimum_events: held-out events before the first report that is no dummy.
    trial_events: held-out events by which an update that passed the gate is judged again before it is used.
    """

    profile: Path
    store: Store
    plan: Plan
    events: EventMap
    masses: Callable[[Adapter], Mapping[str, Masses]]
    public: Callable[[], PublicChoices]
    cipher: Cipher
    trainer: str
    transport: Transport
    environment: Environment
    stop: threading.Event
    place: Place = Place()
    metered: bool = False
    minimum_events: int = MINIMUM_EVENTS
    trial_events: int = 0
    enrolment_token: str = field(default="", repr=False)
