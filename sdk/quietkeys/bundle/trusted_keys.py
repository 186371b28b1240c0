"""The Ed25519 public keys whose bundles this release accepts, newest first.

Two entries during a change of keys; a key that leaves the list takes its bundles with it.
"""

from __future__ import annotations

from typing import Final

TRUSTED_KEYS: Final[tuple[bytes, ...]] = (
    bytes.fromhex("14427cf55dbc9aa6e3d2ff5799b2ac12d2fc0752bba758f3c484f68883ca5b6a"),
)
