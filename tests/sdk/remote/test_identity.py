"""The device's key: private, one per trainer, and never to be seen."""

from __future__ import annotations

import copy
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quietkeys.profile.folder import IDENTITIES
from quietkeys.remote.identity import Identity, drop_identity, identity_for
from quietkeys.vault.sealing import DataKey
from quietkeys_protocol.signing import device_id_of, signing_string

KEY = DataKey(bytes(32))
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_identity_is_kept(tmp_path: Path) -> None:
    """The same trainer sees the same device, another trainer another; after dropping it a new one."""
    first = identity_for(tmp_path, "https://a.test", KEY)
    assert identity_for(tmp_path, "https://a.test", KEY).device_id == first.device_id
    assert identity_for(tmp_path, "https://b.test", KEY).device_id != first.device_id
    drop_identity(tmp_path, "https://a.test")
    assert identity_for(tmp_path, "https://a.test", KEY).device_id != first.device_id


def test_its_signature_is_that_of_the_protocol() -> None:
    """What it signs is the signing string, and the id is that of the public key."""
    identity = Identity.generate()
    credentials = identity.sign("GET", "/v1/x", EMPTY, time=1000, nonce="0" * 32)
    signed = signing_string("GET", "/v1/x", 1000, "0" * 32, EMPTY)
    Ed25519PublicKey.from_public_bytes(identity.public_key).verify(credentials.signature, signed)
    assert credentials.device_id == device_id_of(identity.public_key)


def test_its_secret_cannot_be_seen(tmp_path: Path) -> None:
    """Mode 0600 and sealed, not in its text, not picklable, not copyable."""
    identity = identity_for(tmp_path, "https://a.test", KEY)
    (path,) = (tmp_path / IDENTITIES).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = identity._key.private_bytes_raw()
    assert secret not in path.read_bytes()
    assert secret.hex() not in repr(identity)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(identity)


@pytest.mark.parametrize("content", [b"x", b"x" * 33, b"x" * 60])
def test_a_damaged_identity_is_replaced(tmp_path: Path, content: bytes) -> None:
    """A file that the vault did not seal is damage, not a key: the device becomes a new one."""
    first = identity_for(tmp_path, "https://a.test", KEY)
    (path,) = (tmp_path / IDENTITIES).iterdir()
    path.write_bytes(content)
    second = identity_for(tmp_path, "https://a.test", KEY)
    assert second.device_id != first.device_id
    assert identity_for(tmp_path, "https://a.test", KEY).device_id == second.device_id
