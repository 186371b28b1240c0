"""The trainer's own key: made once, kept, and never shown."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.signing import deletion_string
from quietkeys_trainer.storage.trainer_key import TrainerKey, make_trainer_key
from tests.trainer.bucket import Fault
from tests.trainer.device import code
from tests.trainer.filled import KEYS, Filled, public
from tests.trainer.running import running
from tests.trainer.stores import Services


def test_the_key_outlives_the_trainer(tmp_path: Path) -> None:
    """It is made at the first start, readable by its owner only, and the same after a restart."""
    with running(tmp_path, "--workers", "0") as trainer:
        first = trainer.device().send("GET", "/v1/service").json()
        path = tmp_path / "state" / "trainer.key"
        assert path.stat().st_mode & 0o777 == 0o600
        trainer.stop()
        trainer.start("--workers", "0")
        assert trainer.device().send("GET", "/v1/service").json() == first
        assert path.read_bytes().hex() not in trainer.log


def test_processes_that_start_at_once_share_a_key(tmp_path: Path) -> None:
    """Whoever makes it first, all sign with the same, and no draft is left."""
    start, found = threading.Barrier(8), set[bytes]()

    def open_it() -> None:
        start.wait()
        found.add(make_trainer_key(tmp_path / "trainer.key").public_key)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["trainer.key"]


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)])
def test_a_damaged_key_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    """A new one would make what devices have pinned useless, so that is left to a person."""
    path = tmp_path / "trainer.key"
    path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        make_trainer_key(path)
    assert caught.value.code is ErrorCode.TRAINER_KEY_DAMAGED
    assert path.read_bytes() == content


def test_a_receipt_holds_for_one_deletion(tmp_path: Path) -> None:
    """The signature is that of the deletion string."""
    key = make_trainer_key(tmp_path / "trainer.key")
    signature = key.sign_deletion("a" * 32, 17, "b" * 32)
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    public.verify(signature, deletion_string("a" * 32, 17, "b" * 32))


def test_the_key_is_not_shown(tmp_path: Path) -> None:
    """It cannot be printed, pickled or copied."""
    key = make_trainer_key(tmp_path / "trainer.key")
    assert repr(key) == str(key) == f"{TrainerKey.__name__}()"
    for copies in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copies(key)


def test_a_receipt_is_signed_after_the_last_deletion(filled: Filled) -> None:
    """With the store out of reach the answer is that it is under way; once all is gone there is a receipt."""
    device, other = filled.devices
    blobs, aside = filled.state / "blobs", filled.state / "aside"
    blobs.rename(aside)
    shown = {"QK-Public-Key": public(device)}
    path = f"/v1/devices/{device.device_id}"
    for _ in range(2):
        assert code(device.send("DELETE", path, headers=shown)) == (503, ErrorCode.DELETION_UNDER_WAY)
    aside.rename(blobs)
    answer = device.send("DELETE", path, headers=shown)
    assert (answer.status_code, set(answer.json())) == (
        200,
        {"device_id", "deleted_at", "nonce", "signature"},
    )
    assert len(filled.storage.names()) == 3
    assert other.key_state(KEYS) == ("stored", len(KEYS))


@pytest.mark.parametrize("storage", ["services"], indirect=True)
def test_a_receipt_waits_for_a_store_that_deletes_nothing(filled: Filled, services: Services) -> None:
    """A bucket that one may only read: no receipt, and every object is named until it is gone."""
    device = filled.devices[0]
    shown, path = {"QK-Public-Key": public(device)}, f"/v1/devices/{device.device_id}"
    services.bucket.fault = lambda method: Fault.ERROR if method in {"DELETE", "POST"} else None
    try:
        assert code(device.send("DELETE", path, headers=shown)) == (503, ErrorCode.DELETION_UNDER_WAY)
        assert len(filled.storage.names()) == 6
    finally:
        services.bucket.fault = lambda _: None
    assert device.send("DELETE", path, headers=shown).status_code == 200
    assert len(filled.storage.names()) == 3
