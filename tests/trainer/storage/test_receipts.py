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
from tests.trainer.running import running


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
