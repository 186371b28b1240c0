"""What is measured: a model with its plan, or keyboards that are opened on a bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from quietkeys import Personalizer
from quietkeys.bundle.bundle import SHIPPED, Bundle, open_bundle, shipped_bundle
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.environment import Environment
from quietkeys.prediction.model import Model, load_model
from quietkeys.testing import open_profile


class Mode(StrEnum):
    """How the update is trained: not at all under encryption, simulated, or for real."""

    CLEAR = "clear"
    SIMULATE = "simulate"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model, and a hash that names everything it consists of. Two are equal only if they are one."""

    model: Model
    identity: str


LoadSubject = Callable[[], Subject]  # a module's function, so that another process can call it too


def shipped_subject() -> Subject:
    """Return the model of the shipped bundle. Raises Untrusted."""
    bundle = shipped_bundle()
    return Subject(load_model(bundle), bundle_identity(bundle))


def bundle_identity(bundle: Bundle) -> str:
    """Return the SHA-256 of a bundle's manifest, which lists the hash of every file."""
    return hashlib.sha256(bundle.manifest.to_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Keyboards:
    """Opens fresh keyboards on the bundle in a folder that is signed by a trusted key."""

    folder: Path = SHIPPED / "en"
    trusted_keys: Sequence[bytes] = TRUSTED_KEYS

    def bundle(self) -> Bundle:
        """Return the bundle. Raises Untrusted."""
        return open_bundle(self.folder, trusted_keys=self.trusted_keys)

    def arguments(self) -> tuple[str, str]:
        """Return folder and keys (hex, commas between), as a process of a bench takes them."""
        return str(self.folder), ",".join(key.hex() for key in self.trusted_keys)

    @contextmanager
    def fresh(self, environment: Environment | None = None) -> Iterator[Personalizer]:
        """Yield a keyboard with an empty profile, which is gone afterwards. Raises Untrusted.

        environment: its time and chance; None for the real ones.
        """
        with (
            TemporaryDirectory(prefix="quietkeys-bench-") as folder,
            open_profile(
                Path(folder) / "profile",
                environment=environment,
                bundle=self.folder,
                trusted_keys=self.trusted_keys,
            ) as one,
        ):
            yield one
