"""Writes and signs a bundle folder; the reader is `quietkeys.bundle.bundle`.

Equal files, fields and key give equal bytes. The signing key never comes near the repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.bundle.bundle import BUNDLE_BYTES, MANIFEST, SIGNATURE, Entry, Manifest, parse_manifest

REPOSITORY = Path(__file__).resolve().parents[2]


class SigningKeyError(Exception):
    """A signing key cannot be used or must not be made there."""


def new_signing_key(path: Path) -> bytes:
    """Make a signing key (PEM, mode 0600) in a new file outside the repository; return its public key."""
    if path.resolve().is_relative_to(REPOSITORY):
        raise SigningKeyError("a signing key must not lie in the repository")
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SigningKeyError("there is a file already; a key is never overwritten") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    return public_bytes(key)


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in a PEM file; raise SigningKeyError if it is another kind or readable by others."""
    if path.stat().st_mode & 0o077:
        raise SigningKeyError("the signing key is readable by others; set its mode to 0600")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError) as error:
        raise SigningKeyError("not an unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError("not an Ed25519 key")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes to pin in `quietkeys.bundle.trusted_keys`."""
    return key.public_key().public_bytes_raw()


def describe_files(files: Mapping[str, bytes]) -> dict[str, Entry]:
    """Return size and SHA-256 of every file."""
    return {
        path: Entry(len(content), hashlib.sha256(content).hexdigest())
        for path, content in sorted(files.items())
    }


def write_bundle(
    folder: Path, manifest: Manifest, files: Mapping[str, bytes], key: Ed25519PrivateKey
) -> None:
    """Write a signed bundle, replacing what `folder` held only when everything is on disk.

    manifest.files must describe `files` (`describe_files`). Raises `Untrusted` for a manifest that the reader
    would refuse, ValueError for files that differ from it or exceed BUNDLE_BYTES.
    """
    if manifest.files != describe_files(files):
        raise ValueError("the manifest does not describe these files")
    if sum(map(len, files.values())) > BUNDLE_BYTES:
        raise ValueError(f"the bundle exceeds {BUNDLE_BYTES} bytes")
    signed = manifest.to_bytes()
    parse_manifest(signed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, content in [*files.items(), (MANIFEST, signed), (SIGNATURE, key.sign(signed))]:
            (draft / path).parent.mkdir(exist_ok=True)
            (draft / path).write_bytes(content)
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
