"""Backup and restore: whole while it serves, nothing overwritten, nothing good once more."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from obstore.store import MemoryStore
from sqlalchemy import text

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.service.backup import back_up
from quietkeys_trainer.service.backup_file import FORMAT
from quietkeys_trainer.service.founding import require_trainer
from quietkeys_trainer.service.restore import restore
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.blobs import ObjectBlobs
from tests.trainer.cli.test_admin import ANN, NOW, admin, founded, said, sha256
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN
from tests.trainer.filled import KEYS, Filled, public, works
from tests.trainer.running import Trainer, fake_values, running
from tests.trainer.stores import Services, Storage, in_folder, on_both

DAY = 86_400


def test_a_state_folder_that_is_another_one_is_no_backup(filled: Filled, tmp_path: Path) -> None:
    """`admin backup --state TYPO` ends in an error, without a file and without a folder."""
    arguments = ["admin", "backup", str(tmp_path / "backup"), "--state", str(tmp_path / "typo")]
    line = [*filled.trainer.command("serve")[:3], *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=900, check=False)
    assert (done.returncode, "there is no trainer here" in done.stderr) == (2, True)
    assert not (tmp_path / "backup").exists()
    assert not (tmp_path / "typo").exists()


@on_both
def test_a_backup_made_while_serving_is_whole_and_opens_elsewhere(
    filled: Filled, services: Services, tmp_path: Path
) -> None:
    """What lies in a write-ahead log is in it; it says what it holds; used invites stay used."""
    before = filled.rows()
    made = json.loads(filled.said("admin", "backup", str(tmp_path / "backup")))
    assert (made["devices"], made["key_sets"], made["reports"], made["jobs"]) == (2, 2, 2, 2)
    assert (made["blobs"], made["missing"]) == (6, 0)
    assert "there already" in filled.run("admin", "backup", str(tmp_path / "backup")).stderr
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    to = services.new_storage() if not filled.storage.blobs else None
    variables = to.variables() if to else {}
    trainer = Trainer(folder, variables)
    trainer.control.mkdir()
    other = Filled(folder, to or in_folder(folder / "state"), trainer, filled.devices, filled.jobs)
    clean = dict.fromkeys(("QUIETKEYS_DATABASE", "QUIETKEYS_BLOBS"), "")
    held = json.loads(other.said("admin", "restore", str(tmp_path / "backup"), **clean | variables))
    assert held == made
    assert "already" in other.refusal("admin", "restore", str(tmp_path / "backup"), **clean | variables)
    filled.trainer.stop()
    other.start()
    try:
        after = other.rows()
        for table in ("devices", "accounts", "evaluation_key_plans"):
            assert after[table] == before[table]
        works(other)
    finally:
        trainer.stop()


@on_both
def test_a_restore_overwrites_nothing(filled: Filled, tmp_path: Path) -> None:
    """Into a trainer in use it is refused before anything is touched; so is what is no backup."""
    filled.said("admin", "backup", str(tmp_path / "backup"))
    filled.trainer.stop()
    before = filled.everything()
    assert "there is something here already" in filled.refusal("admin", "restore", str(tmp_path / "backup"))
    (tmp_path / "none").write_text("no backup")
    assert "damaged" in filled.refusal("admin", "restore", str(tmp_path / "none"))
    assert "damaged" in filled.refusal("admin", "restore", str(tmp_path / "gone"))
    assert filled.everything() == before
    filled.start()
    works(filled)


def test_a_used_invite_stays_used_after_a_restore(tmp_path: Path, storage: Storage) -> None:
    """A backup from before an invite was used does not make it good again."""
    trainer = Trainer(tmp_path, {"QUIETKEYS_ENROLMENT": "invited"})
    trainer.start("--workers", "0")
    filled = Filled(tmp_path, storage, trainer)
    invite = filled.said("admin", "invite")
    filled.said("admin", "backup", str(tmp_path / "backup"))
    assert enrolled(Device(trainer.url), invite) == 201
    assert enrolled(Device(trainer.url), invite) == 403
    trainer.stop()
    shutil.rmtree(filled.state)
    filled.said("admin", "restore", str(tmp_path / "backup"))
    trainer.start("--workers", "0")
    assert enrolled(Device(trainer.url), invite) == 403
    assert enrolled(Device(trainer.url), filled.said("admin", "invite")) == 201
    trainer.stop()


def enrolled(device: Device, invite: str) -> int:
    """The status of an enrolment with an invite."""
    body = json.dumps({"public_key": public(device), "invite": invite})
    return device.send("POST", "/v1/devices", body.encode()).status_code


def test_a_backup_that_finds_no_place_is_one_sentence(filled: Filled, tmp_path: Path) -> None:
    """A folder that is not there."""
    assert "no such file" in filled.refusal("admin", "backup", str(tmp_path / "no" / "backup"))


def test_a_backup_says_what_is_missing(filled: Filled, tmp_path: Path) -> None:
    """With an object lost it is written, says so, and ends with a status that a script sees."""
    name = filled.storage.names()[0]
    (filled.state / "blobs" / name).unlink()
    done = filled.run("admin", "backup", str(tmp_path / "backup"))
    assert (done.returncode, json.loads(done.stdout)["missing"]) == (2, 1)
    assert "1 of 6" in done.stderr
    assert (tmp_path / "backup").exists()


def test_a_backup_moves_a_trainer_to_other_storage(services: Services, tmp_path: Path) -> None:
    """Made while it runs and restored on servers: devices notice nothing.

    Keys, results, idempotency, the trainer's key, and even used nonces are what they were.
    """
    storage, to = in_folder(tmp_path / "state"), services.new_storage()
    with running(tmp_path) as trainer:
        device = trainer.device()
        device.put_keys(KEYS)
        report = device.report(PLAN.hash, KEYS, fake_values(b"x"))
        job_id = device.post(report, "1" * 32).json()["job_id"]
        assert device.wait(job_id, "done", "failed") == "done"
        update = device.update(job_id).content
        key = requests.get(trainer.url + "/v1/service", timeout=900).json()
        signed = device.sign("GET", "/v1/circle", sha256(b""))
        assert requests.get(trainer.url + "/v1/circle", headers=signed, timeout=900).status_code == 200
        made = json.loads(said(admin(tmp_path / "state", storage, "backup", str(tmp_path / "backup"))))
        assert (made["blobs"], made["missing"]) == (3, 0)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    again = json.loads(said(admin(folder / "state", to, "restore", str(tmp_path / "backup"))))
    assert (again["rows"], again["blobs"], again["missing"]) == (made["rows"], 3, 0)
    assert len(to.names()) == 3
    with running(folder, **to.variables()) as trainer:
        device.url = trainer.url
        assert requests.get(trainer.url + "/v1/service", timeout=900).json() == key
        replayed = requests.get(trainer.url + "/v1/circle", headers=signed, timeout=900)
        assert code(replayed) == (409, ErrorCode.NONCE_REPLAYED)
        assert device.key_state(KEYS) == ("stored", len(KEYS))
        assert device.update(job_id).content == update
        assert device.post(report, "1" * 32).json()["job_id"] == job_id
        newer = device.report(PLAN.hash, KEYS, fake_values(b"y"))
        assert device.wait(device.post(newer).json()["job_id"], "done", "failed") == "done"
    refused = admin(folder / "state", to, "restore", str(tmp_path / "backup"))
    assert (refused.exit_code, "already" in refused.output) == (2, True)


def test_a_backup_of_servers_fills_a_folder(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was restored is the same again, row by row, but for the log of doing so."""
    one, two = services.new_storage(), in_folder(tmp_path / "two")
    for name, value in one.environment.items():
        monkeypatch.setenv(name, value)
    service = founded(Settings(state=tmp_path / "one", database=one.database, blobs=one.blobs))
    service.ledger.enrol(ANN, bytes(range(32)), NOW)
    service.ledger.database.dispose()
    said(admin(tmp_path / "one", one, "backup", str(tmp_path / "backup")))
    said(admin(tmp_path / "two", two, "restore", str(tmp_path / "backup")))
    before, after = (said(admin(tmp_path / name, at, "devices")) for name, at in (("one", one), ("two", two)))
    assert before == after != ""
    other = open_database(Settings(state=tmp_path / "two").database_address)
    assert Ledger(other).public_key(ANN) == bytes(range(32))
    other.dispose()


def test_a_damaged_backup_fills_nothing(tmp_path: Path) -> None:
    """Cut off anywhere, or with a byte changed in a blob, it is refused, and the trainer stays empty."""
    settings = Settings(state=tmp_path / "state")
    service = founded(settings)
    service.ledger.enrol(ANN, bytes(32), NOW)
    content = b"content" * 100
    blob = service.blobs.put(content, sha256(content))
    service.ledger.add_keys(ANN, "c" * 64, [PLAN.hash], blob, NOW)
    identity = require_trainer(settings, service.ledger.database)
    back_up(service, identity, settings.trainer_key.read_bytes(), tmp_path / "whole", NOW)
    service.ledger.database.dispose()
    whole = (tmp_path / "whole").read_bytes()
    spoilt = [whole[: whole.index(FORMAT.encode()) * part // 6] for part in range(7)]
    spoilt.append(whole.replace(b"contentcontent", b"contentCONTENT", 1))
    for number, backup in enumerate(spoilt):
        (tmp_path / "spoilt").write_bytes(backup)
        fresh = Settings(state=tmp_path / f"fresh{number}")
        with pytest.raises(Refused) as caught:
            restore(fresh, tmp_path / "spoilt", NOW)
        assert caught.value.code is ErrorCode.BACKUP_UNUSABLE
        assert not [path for path in fresh.state.rglob("*") if path.is_file()]


def test_a_backup_overwrites_nothing_and_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there stays as it is; where the disk is full, no half of a backup is left."""
    storage, file = in_folder(tmp_path / "state"), tmp_path / "backup"
    founded(Settings(state=tmp_path / "state")).ledger.database.dispose()
    file.write_bytes(b"mine")
    refused = admin(tmp_path / "state", storage, "backup", str(file))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "there already" in refused.stderr
    assert file.read_bytes() == b"mine"
    file.unlink()

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", fsync)
    refused = admin(tmp_path / "state", storage, "backup", str(file))
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (2, 1)
    assert not file.exists()


def test_a_blob_that_goes_during_a_backup_is_looked_up_again(tmp_path: Path) -> None:
    """A report that is replaced while the backup runs is in it as the newer one."""
    settings = Settings(state=tmp_path / "state")
    service = founded(settings)
    service.ledger.enrol(ANN, bytes(32), NOW)
    store = MemoryStore()
    one, two = (ObjectBlobs(store).put(name, sha256(name)) for name in (b"one", b"two"))
    service.ledger.add_keys(ANN, "c" * 64, [PLAN.hash], one, NOW)

    class Moving(ObjectBlobs):
        def get(self, name: str) -> bytes:
            if name == one:
                with service.ledger.database.begin() as connection:
                    connection.execute(text("UPDATE evaluation_keys SET blob = :blob"), {"blob": two})
                self.delete(one)
            return super().get(name)

    key, identity = settings.trainer_key.read_bytes(), require_trainer(settings, service.ledger.database)
    made = back_up(replace(service, blobs=Moving(store)), identity, key, tmp_path / "file", NOW)
    assert (made.blobs, made.missing) == (1, 0)
    service.ledger.database.dispose()
