"""What is measured: a model and its plan, with the bundle that they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from quietkeys.bundle.bundle import Bundle, shipped_bundle
from quietkeys.prediction.model import Model, load_model


class Mode(StrEnum):
    """How the update is trained: not at all under encryption, simulated, or for real."""

    CLEAR = "clear"
    SIMULATE = "simulate"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, and a hash that names everything it consists of."""

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
