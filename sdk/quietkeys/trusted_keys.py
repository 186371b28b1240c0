"""The Ed25519 public keys whose bundles this release accepts, newest first.

Two entries during a change of keys; a key that leaves the list takes its bundles with it.
"""

from __future__ import annotations

from typing import Final

TRUSTED_KEYS: Final[tuple[bytes, ...]] = (
    bytes.fromhex("73d19f476ae8fe6a01d02203c034cf051338f1eb99ee26a3fc0cd272368819a9"),
)
