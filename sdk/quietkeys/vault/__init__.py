"""The vault: everything in a profile is sealed under one random key, which something else protects.

Belongs here: keys, what is sealed under them, and secrets as people carry them. What is sealed is for others.
"""

from __future__ import annotations

from quietkeys.vault.header import HEADER, Vault
from quietkeys.vault.protection import CallerKey, KeyFile, Kind, OsKeyStore, Passphrase, Protection
from quietkeys.vault.sealing import DataKey

__all__ = [
    "HEADER",
    "CallerKey",
    "DataKey",
    "KeyFile",
    "Kind",
    "OsKeyStore",
    "Passphrase",
    "Protection",
    "Vault",
]
