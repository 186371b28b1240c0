"""Looks for secrets in everything a trainer has written: its database, its blobs, its logs."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

BLOBS = "blobs"
DATABASE = "ledger.sqlite"
LOG = "log"


def spellings(secret: bytes) -> Iterator[bytes]:
    """Ways in which bytes, at least a dozen, end up in a file: plain, hex, base64 at any offset, Python's."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + secret)
        yield encoded[4 * (offset > 0) : len(encoded) - 4]
    yield repr(secret)[2:-1].encode()


def place_of(path: Path) -> str:
    """Which part of a trainer's folder a file is: the database (and its log), blobs, or its name."""
    if BLOBS in path.parts:
        return BLOBS
    return DATABASE if path.name.startswith(DATABASE) else path.name


def found(secrets: Mapping[str, bytes], folder: Path) -> set[tuple[str, str]]:
    """Which secret stands where below a folder."""
    forms = [(name, form) for name, secret in secrets.items() for form in spellings(secret)]
    hits = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            hits |= {(name, place_of(path)) for name, form in forms if form in content}
    return hits
