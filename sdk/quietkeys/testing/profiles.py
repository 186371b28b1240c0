"""A profile whose encryption, network, time or chance are a test's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from quietkeys.answers import Suggestions
from quietkeys.api.open_profile import OpenProfile
from quietkeys.api.trainer import Trainer
from quietkeys.api.trainer_link import TrainerLink
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.cipher.interface import Cipher
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.keyboard.touch_model import Touches, touches_of
from quietkeys.personalizer import Personalizer
from quietkeys.prediction.suggest import suggestions
from quietkeys.remote.http import Transport
from quietkeys.sync.schedule import Policy
from quietkeys.updates.versions import adapter_of
from quietkeys.vault.protection import Protection
from quietkeys_protocol.plan import Plan


def open_profile(
    profile_dir: str | Path,
    *,
    cipher: Callable[[Path, Plan], Cipher] | None = None,
    transport: Transport | None = None,
    environment: Environment | None = None,
    trainer: Trainer | None = None,
    bundle: str | Path = "en",
    layout: Layout = QWERTY,
    redact: Sequence[re.Pattern[str]] = (),
    protection: Protection | None = None,
    policy: Policy | None = None,
    trusted_keys: Sequence[bytes] = TRUSTED_KEYS,
) -> Personalizer:
    """Open the profile in a folder, as `Personalizer.open` does, with parts of a test's in it.

    cipher: a factory of what encrypts, from a folder for its keys and the plan, such as `NoopCipher`.
    transport: what requests to the trainer go through, such as an `InMemoryTrainer`.
    environment: time and chance. Each is None for the real one; what follows is as in `Personalizer.open`.
    """
    opened = OpenProfile.open(
        Path(profile_dir),
        bundle=bundle,
        layout=layout,
        redact=redact,
        protection=protection,
        trusted_keys=trusted_keys,
        environment=environment,
    )
    return Personalizer(opened, TrainerLink(opened, trainer, policy or Policy(), cipher, transport))


def suggest_without_update(
    keyboard: Personalizer, context: str, typed: str, touches: Touches | None = None
) -> Suggestions:
    """Return what `Personalizer.suggest` would if no update were in use, to tell what updates are worth."""
    opened = keyboard._opened
    model = opened.model
    points = None if touches is None else touches_of(model.predictor.layout, typed, touches)
    nothing = adapter_of(model.plan, model.adapters.none())
    with opened.typing:
        return suggestions(model.redactor, nothing, opened.preferences.current, context, typed, points)
