"""A profile whose encryption, network, time or chance are a test's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from quietkeys.api.open_profile import OpenProfile
from quietkeys.api.trainer import Trainer
from quietkeys.api.trainer_link import TrainerLink
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.cipher.interface import Cipher
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.personalizer import Personalizer
from quietkeys.remote.http import Transport
from quietkeys.sync.schedule import Policy
from quietkeys.vault import Protection
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
