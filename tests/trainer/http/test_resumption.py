"""Uploads that stop anywhere: they go on where they were, are given up in time, and do not mix."""

from __future__ import annotations

import hashlib
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from quietkeys.remote.http import Body
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import KeyState, UploadState
from quietkeys_trainer.storage.blobs import MARKER
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN, FakeEngine, wrap
from tests.trainer.running import Trainer, fake_keys, fake_values, running
from tests.trainer.sides import code_of, real

DAY_S = 86_400.0


def files(folder: Path) -> list[Path]:
    """The uploads on disk."""
    return list((folder / "state" / "uploads").iterdir())


def again(trainer: Trainer, device: Device, number: signal.Signals) -> None:
    """The trainer ends by a signal and starts again."""
    trainer.stop(number)
    trainer.start("--workers", "0")
    device.url = trainer.url


def test_an_upload_survives_kill(tmp_path: Path) -> None:
    """After kill -9, whatever a dying process wrote beyond the last part, it goes on and is stored."""
    keys = fake_keys(b"killed")
    key_id = hashlib.sha256(keys).hexdigest()
    with running(tmp_path, "--workers", "0") as trainer:
        device = trainer.device()
        for start in range(0, len(keys), 1_000_000):
            assert device.key_state(keys)[1] == start
            assert device.put_part(key_id, start, keys[start : start + 1_000_000]).status_code == 200
            again(trainer, device, signal.SIGKILL)
            for path in files(tmp_path):
                with path.open("ab") as file:
                    file.write(b"half a part")
        assert device.key_state(keys) == ("stored", len(keys))
        assert device.post(device.report(PLAN.hash, keys, fake_values(b"x"))).status_code == 202
        assert keys in [blob.read_bytes() for blob in trainer.stored()]
        assert files(tmp_path) == []


@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_a_lost_file_is_sent_again(tmp_path: Path, damage: str) -> None:
    """An upload whose file is gone, or shorter than what was promised, begins anew by itself."""
    with real(tmp_path) as side:
        device, keys = side.device(), side.keys(b"lost")
        key_id = hashlib.sha256(keys).hexdigest()
        (tmp_path / "keys").write_bytes(keys)
        device.put_key_part(key_id, 0, Body.of(keys[:1000]))
        (path,) = files(tmp_path)
        path.unlink() if damage == "gone" else path.write_bytes(keys[:999])
        upload_keys(device, tmp_path / "keys", key_id)
        assert device.key_state(key_id).state is UploadState.STORED


def test_keys_that_were_whole_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the trainer died between the last part and storing the keys, the next try stores them."""
    with real(tmp_path) as side:
        device, keys = side.device(), side.keys(b"whole")
        key_id = hashlib.sha256(keys).hexdigest()
        (tmp_path / "keys").write_bytes(keys)
        with monkeypatch.context() as dying:
            dying.setattr("quietkeys_trainer.http.routes.keys._finish", lambda *_: None)
            whole = KeyState(key_id, UploadState.PARTIAL, len(keys))
            assert device.put_key_part(key_id, 0, Body.of(keys)) == whole
        upload_keys(device, tmp_path / "keys", key_id)
        assert device.key_state(key_id) == KeyState(key_id, UploadState.STORED, len(keys))


def test_an_upload_is_given_up_after_a_day(tmp_path: Path) -> None:
    """A day without a part and it is gone, with its file; a part in between keeps it; others' stay."""
    with real(tmp_path) as side:
        device, other = side.device(), side.device()
        device.put_key_part("1" * 64, 0, Body.of(b"abc"))
        side.clock.now += DAY_S
        side.tidy()
        assert device.key_state("1" * 64) == KeyState("1" * 64, UploadState.PARTIAL, 3)
        device.put_key_part("1" * 64, 3, Body.of(b"d"))
        side.clock.now += DAY_S
        other.put_key_part("2" * 64, 0, Body.of(b"xy"))
        side.tidy()
        side.clock.now += 1
        side.tidy()
        assert device.key_state("1" * 64) == KeyState("1" * 64, UploadState.ABSENT, 0)
        assert other.key_state("2" * 64) == KeyState("2" * 64, UploadState.PARTIAL, 2)
        (path,) = files(tmp_path)
        assert path.read_bytes() == b"xy"


def test_what_is_over_leaves_no_file(tmp_path: Path) -> None:
    """A replaced upload, deleted keys and a deleted device take their files with them at once."""
    with real(tmp_path) as side:
        device = side.device()
        for key_id in ("1" * 64, "2" * 64):
            device.put_key_part(key_id, 0, Body.of(b"abc"))
            assert len(files(tmp_path)) == 1
        device.delete_keys("2" * 64)
        assert files(tmp_path) == []
        device.put_key_part("3" * 64, 0, Body.of(b"abc"))
        device.delete_device()
        assert files(tmp_path) == []


def test_parts_that_arrive_at_once_do_not_mix(tmp_path: Path) -> None:
    """Of many requests for the same place one is taken; the others are told where it stands, or to wait."""
    keys = fake_keys(b"at once")
    key_id = hashlib.sha256(keys).hexdigest()
    with running(tmp_path, "--workers", "0") as trainer:
        device = trainer.device()
        for start in range(0, len(keys), 1_500_000):
            answers: list[tuple[int, str]] = []

            def send(start: int = start, answers: list[tuple[int, str]] = answers) -> None:
                answer = device.put_part(key_id, start, keys[start : start + 1_500_000])
                answers.append((200, "") if answer.status_code == 200 else code(answer))

            threads = [threading.Thread(target=send) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            refusals = {(409, ErrorCode.UPLOAD_OFFSET), (503, ErrorCode.TRAINER_BUSY), (200, "")}
            assert (200, "") in answers
            assert set(answers) <= refusals
        assert device.key_state(keys) == ("stored", len(keys))
        (blob,) = trainer.stored()
        assert blob.read_bytes() == keys


def test_damaged_keys_are_absent_and_can_be_sent_again(tmp_path: Path) -> None:
    """Keys whose blob is gone from the store are not called stored."""
    with real(tmp_path) as side:
        device = side.device()
        key_id = side.put_keys(device, tmp_path)
        (blob,) = (path for path in (tmp_path / "state" / "blobs").iterdir() if path.name != MARKER)
        blob.unlink()
        assert device.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)
        side.put_keys(device, tmp_path)
        assert device.key_state(key_id).state is UploadState.STORED


def test_a_plan_that_came_later_takes_stored_keys(tmp_path: Path) -> None:
    """Keys of its frame are noted for it as soon as their device asks; a report under it is taken then."""
    later = FakeEngine(replace(PLAN, bundle="later"), key_bytes=4096)

    identity = Identity.generate()
    with real(tmp_path) as side:
        device = side.stranger(identity)
        device.enrol()
        key_id = side.put_keys(device, tmp_path)
    with real(tmp_path, later) as side:
        device, under_later = side.stranger(identity), replace(side, plan_hash=later.plan.hash)
        assert code_of(under_later.report, device, key_id, 0) is ErrorCode.KEY_UNKNOWN
        assert device.key_state(key_id).state is UploadState.STORED
        assert under_later.report(device, key_id, 0)


def test_keys_are_told_apart_by_their_hash_where_plans_differ_in_size(tmp_path: Path) -> None:
    """With two plans served an upload may pass the size of the smaller plan's keys."""
    larger = FakeEngine(replace(PLAN, bundle="larger"), key_bytes=9000)
    with real(tmp_path, larger) as side:
        device = side.device()
        small, large = side.keys(b"small"), wrap(larger.frames.keys, b"large")
        put = device.put_key_part(hashlib.sha256(small).hexdigest(), 0, Body.of(small))
        assert put.state is UploadState.STORED
        key_id = hashlib.sha256(large).hexdigest()
        begun = KeyState(key_id, UploadState.PARTIAL, 4096)
        assert device.put_key_part(key_id, 0, Body.of(large[:4096])) == begun
        assert device.put_key_part(key_id, 4096, Body.of(large[4096:])).state is UploadState.STORED
