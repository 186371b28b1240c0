"""What works here and what does not, with what to do about it: machine, bundle, encryption, trainer.

Nothing is asked of the user, nothing is changed, and no finding contains text, keys or names of files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.bundle.bundle import SHIPPED, open_bundle
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.cipher import Parameters, device_cipher
from quietkeys.cipher.randomness import fresh
from quietkeys.cli.estimate import Network, estimate
from quietkeys.evaluation.machine import memory_bytes
from quietkeys.profile.ledger import size_words
from quietkeys.vault.sealing import KEY_BYTES, new_key
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_protocol.plan import Plan

_PACKAGES: Final = (
    *("cryptography", "filelock", "keyring", "numpy", "onnxruntime", "pynacl", "rapidfuzz", "requests"),
)
_PYTHONS: Final = ((3, 11), (3, 12), (3, 13), (3, 14))
_SPARE_DISK: Final = 4  # keys are written twice while they are replaced, and once more to be sent


class Health(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    NOTE = "note"  # works, but the user should know
    BAD = "bad"  # something that was asked for does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. advice: what to do, "" where there is nothing to do."""

    health: Health
    what: str
    advice: str = ""


def examine(
    profile: Path | None = None,
    trainer_url: str | None = None,
    bundle: Path = SHIPPED / "en",
    trusted_keys: Sequence[bytes] = TRUSTED_KEYS,
    *,
    encrypt: bool = False,
) -> Iterator[Finding]:
    """Yield findings as they are made.

    profile: a profile folder that no app has open. trainer_url: to be asked whether it answers.
    encrypt: also make a throw-away key and encrypt with it: some seconds.
    """
    yield from _python()
    parameters: Parameters | None = None
    try:
        opened = open_bundle(bundle, trusted_keys=trusted_keys)
        parameters = Parameters.of(Plan.parse(opened["plan.json"]), opened["client_specification.json"])
    except QuietkeysError as error:
        yield _bad(error)
    else:
        yield Finding(
            Health.GOOD,
            f"bundle {opened.manifest.name}, version {opened.manifest.version}: signed, encryption at"
            f" {parameters.security_bits} bits, p_error 2^{np.log2(parameters.plan.p_error):.0f},"
            f" {parameters.plan.look_ups} look-ups",
        )
    yield from _encryption(parameters, encrypt)
    if parameters is not None:
        yield from _room(parameters, profile)
    if profile is not None:
        yield from _profile(profile, bundle, trusted_keys)
    if trainer_url is not None:
        yield from _trainer(trainer_url)


def _python() -> Iterator[Finding]:
    running = sys.version_info[:2]
    text = f"Python {running[0]}.{running[1]}"
    if running in _PYTHONS:
        yield Finding(Health.GOOD, text)
    else:
        yield Finding(Health.BAD, text, "Use Python 3.11 to 3.14.")
    for name in _PACKAGES:
        try:
            yield Finding(Health.GOOD, f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(Health.BAD, f"{name} is missing", "Install quietkeys again: pip install quietkeys")


def _encryption(parameters: Parameters | None, encrypt: bool) -> Iterator[Finding]:
    if encrypt and parameters is not None:
        yield _tried("a throw-away key was made and used", lambda: _round_trip(parameters))
    else:
        yield _tried("the system gives randomness to make keys of", lambda: fresh(KEY_BYTES))


def _round_trip(parameters: Parameters) -> None:
    with tempfile.TemporaryDirectory(prefix="quietkeys-doctor-") as folder:
        cipher = device_cipher(Path(folder), parameters, file_key=new_key())
        try:
            cipher.generate_keys()
            cipher.encrypt([np.zeros(field.size, np.int64) for field in parameters.plan.report_fields])
        finally:
            cipher.close()


def _room(parameters: Parameters, profile: Path | None) -> Iterator[Finding]:
    needed = estimate(parameters, Network(), trainer_cores=1, transform_s=0.0)
    memory = memory_bytes()
    text = f"memory {size_words(memory)}; a sync needs {size_words(needed.device_memory)} for its own process"
    if memory > 2 * needed.device_memory:
        yield Finding(Health.GOOD, text)
    else:
        yield Finding(Health.NOTE, text, "Sync when little else runs.")
    folder = Path.cwd() if profile is None else next(p for p in (profile, *profile.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    text = f"disk {size_words(free)} free; a sync needs {size_words(_SPARE_DISK * needed.keys_bytes)}"
    if free > _SPARE_DISK * needed.keys_bytes:
        yield Finding(Health.GOOD, text)
    else:
        yield Finding(Health.BAD, text, "Free some space.")


def _profile(profile: Path, bundle: Path, trusted_keys: Sequence[bytes]) -> Iterator[Finding]:
    from quietkeys.personalizer import Personalizer

    if not profile.is_dir():
        yield Finding(Health.BAD, "there is no profile in that folder", "Name the folder that the app uses.")
        return
    if profile.stat().st_mode & 0o077:
        yield Finding(
            Health.NOTE, "other users of this machine may read the profile's folder", "chmod 700 it."
        )
    try:
        with Personalizer.open(profile, bundle=bundle, trusted_keys=trusted_keys) as keyboard:
            status = keyboard.status()
    except QuietkeysError as error:
        if error.code is ErrorCode.PROFILE_SEALED:
            yield Finding(Health.NOTE, error.code.message, "The app has what it is protected with.")
        else:
            yield _bad(error)
        return
    yield Finding(
        Health.GOOD,
        f"profile: {status.words_recorded} words recorded, {status.words_known} known,"
        f" adapter version {status.adapter_version or 'none'}",
    )
    for problem in status.problems:
        yield Finding(Health.NOTE, problem.message, problem.advice)


def _trainer(url: str) -> Iterator[Finding]:
    from quietkeys.remote.client import service_key
    from quietkeys.remote.http import RequestsTransport

    yield _tried("the trainer answers", lambda: service_key(RequestsTransport(url)))


def _tried(text: str, action: Callable[[], object]) -> Finding:
    try:
        action()
    except QuietkeysError as error:
        return _bad(error)
    return Finding(Health.GOOD, text)


def _bad(error: QuietkeysError) -> Finding:
    return Finding(Health.BAD, error.code.message, error.code.advice)
