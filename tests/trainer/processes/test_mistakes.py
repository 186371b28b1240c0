"""What a tired administrator does to a trainer in use: nothing is lost, and what is refused says what to do.

Each is tried on the real program, with everything in a folder once and on servers once where that differs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from quietkeys_protocol.errors import ErrorCode
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.service.settings import Settings
from tests.trainer.bucket import Fault
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import CONTROL, PLAN
from tests.trainer.filled import AHEAD, KEYS, Filled
from tests.trainer.running import Trainer, fake_values, wait_until
from tests.trainer.stores import Services, Storage, in_folder, on_both

DAY = 86_400


@pytest.fixture
def filled(storage: Storage, tmp_path: Path) -> Iterator[Filled]:
    """A trainer that two devices use, running."""
    trainer = Trainer(tmp_path, storage.variables())
    trainer.start()
    one = Filled(tmp_path, storage, trainer)
    try:
        one.fill()
        yield one
    finally:
        if not trainer.ended():
            trainer.stop()


def ready(filled: Filled) -> int:
    """The status of `/readyz`."""
    return requests.get(filled.trainer.url + "/readyz", timeout=900).status_code


def new_report(filled: Filled, number: int = 0) -> requests.Response:
    """The answer to another report of a device."""
    device = filled.devices[number]
    return device.post(device.report(PLAN.hash, KEYS, fake_values(b"more")))


def works(filled: Filled) -> None:
    """Another report is trained, and the earlier updates are there unless they were replaced."""
    device = filled.devices[0]
    assert device.wait(new_report(filled).json()["job_id"], "done", "failed") == "done"
    assert filled.devices[1].update(filled.jobs[1]).status_code == 200
    assert ready(filled) == 200


def tidied(filled: Filled, *arguments: str) -> None:
    """Starts the trainer again, and waits until it has tidied, or refused to."""
    before = filled.trainer.log.count('"tidied"') + filled.trainer.log.count("not_tidied")
    filled.start(*arguments)
    wait_until(lambda: filled.trainer.log.count('"tidied"') + filled.trainer.log.count("not_tidied") > before)


@on_both
def test_a_database_that_is_another_one_ends_the_start(
    filled: Filled, services: Services, tmp_path: Path
) -> None:
    """A new database beside a store in use, mistyped or lost, is no reason to empty the store."""
    filled.trainer.stop()
    before = filled.everything()
    mistyped = (
        services.postgres.new_database() if filled.storage.database else f"sqlite:///{tmp_path / 'typo'}"
    )
    refused = filled.refusal("serve", "--port", "0", QUIETKEYS_DATABASE=mistyped)
    assert "another one's marker" in refused
    assert "--database" in refused
    tidied(filled)
    assert filled.everything() == before
    works(filled)


@on_both
def test_a_store_that_is_another_one_ends_the_start(
    filled: Filled, services: Services, tmp_path: Path
) -> None:
    """An empty store, one that is not there and another trainer's are not taken for one's own."""
    filled.trainer.stop()
    before = filled.everything()
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "quietkeys-store").write_text("1" * 32)
    stores = [str(tmp_path / name) for name in ("empty", "gone", "theirs")]
    if filled.storage.blobs:
        stores = [services.bucket.new_store(), "s3://no-such-bucket/ciphertexts"]
    for store in stores:
        refused = filled.refusal("serve", "--port", "0", QUIETKEYS_BLOBS=store)
        assert "--blobs" in refused, store
    assert not (tmp_path / "gone").exists()
    assert list((tmp_path / "empty").iterdir()) == []
    tidied(filled)
    assert filled.everything() == before
    works(filled)


@on_both
def test_what_is_not_ours_in_the_store_stays(filled: Filled, services: Services) -> None:
    """A photograph among the ciphertexts is nobody's business, however old it is."""
    filled.trainer.stop()
    names = ("holiday.jpg", "a" * 64, f"{'b' * 64}-{'c' * 16}.bak")
    if filled.storage.blobs:
        for name in names:
            services.bucket.put(filled.storage.blobs, name, b"mine")
    else:
        (filled.state / "blobs" / "album").mkdir()
        for place in (*names, "album/" + "d" * 64 + "-" + "e" * 16):
            path = filled.state / "blobs" / place
            path.write_bytes(b"mine")
            os.utime(path, (1, 1))
    before = filled.everything()
    tidied(filled)
    assert filled.everything() == before
    assert set(names) <= set(before[1])


def test_a_folder_that_is_gone_is_not_empty(filled: Filled) -> None:
    """Renamed, or a disk that is not mounted: 503 until it is back; no row goes, nothing is written."""
    before = filled.everything()
    blobs, aside = filled.state / "blobs", filled.state / "aside"
    for there in (False, True):
        blobs.rename(aside)
        if there:
            blobs.mkdir()
        for device, job_id in zip(filled.devices, filled.jobs, strict=True):
            assert code(device.send("GET", f"/v1/keys/{key_id()}")) == (503, ErrorCode.TRAINER_BUSY)
            assert code(device.update(job_id)) == (503, ErrorCode.TRAINER_BUSY)
        assert code(new_report(filled)) == (503, ErrorCode.TRAINER_BUSY)
        assert ready(filled) == 503
        assert not blobs.exists() or list(blobs.iterdir()) == []
        shutil.rmtree(blobs, ignore_errors=True)
        aside.rename(blobs)
        assert filled.everything() == before
    works(filled)


def key_id() -> str:
    """Of the evaluation keys that devices have."""
    return hashlib.sha256(KEYS).hexdigest()


@on_both
def test_a_store_that_was_emptied_costs_no_row(filled: Filled, services: Services) -> None:
    """Everything in it is deleted by hand, the marker as well: nothing that was not found is deleted here."""
    before = filled.rows()
    if filled.storage.blobs:
        services.bucket.clear(filled.storage.blobs)
    else:
        for path in (filled.state / "blobs").iterdir():
            path.unlink()
    for device in filled.devices:
        assert code(device.send("GET", f"/v1/keys/{key_id()}")) == (503, ErrorCode.TRAINER_BUSY)
    assert ready(filled) == 503
    assert code(new_report(filled)) == (503, ErrorCode.TRAINER_BUSY)
    assert filled.rows() == before
    filled.trainer.stop()
    assert "no marker" in filled.refusal("serve", "--port", "0")
    assert filled.rows() == before


def test_keys_that_were_lost_are_sent_again_and_nothing_else_is(filled: Filled) -> None:
    """One file of the store is gone: its device is asked for its keys, and its report and update stay."""
    before = filled.rows()
    device = filled.devices[0]
    with sqlite3.connect(filled.state / "ledger.sqlite") as ledger:
        query = "SELECT blob FROM evaluation_keys JOIN devices USING (account_id) WHERE devices.id = ?"
        ((blob,),) = ledger.execute(query, (device.device_id,))
    (filled.state / "blobs" / blob).unlink()
    assert code(new_report(filled)) == (404, ErrorCode.KEY_UNKNOWN)
    assert device.key_state(KEYS) == ("absent", 0)
    assert filled.rows() == before
    assert device.put_keys(KEYS).json()["state"] == "stored"
    after = filled.rows()
    assert (after["reports"], after["jobs"]) == (before["reports"], before["jobs"])
    works(filled)


@on_both
def test_a_ledger_that_has_forgotten_much_is_asked_about(filled: Filled) -> None:
    """A database that was put back to an older state: its store stays until somebody confirms."""
    before = filled.storage.names()
    for device in filled.devices[:1]:
        forget_rows(filled, device)
    filled.trainer.stop()
    age(filled)
    tidied(filled)
    if filled.storage.blobs:
        return  # its objects are young by the server's clock, which no test sets
    assert filled.storage.names() == before
    assert "tidy_large" in filled.trainer.log
    assert figure(filled, "quietkeys_blobs_unnamed") == 3
    refused = filled.refusal("admin", "tidy")
    assert "3 of 6 ciphertexts" in refused
    assert "--confirm" in refused
    done = json.loads(filled.said("admin", "tidy", "--confirm"))
    assert (done["unnamed"], done["blobs"]) == (3, 3)
    assert len(filled.storage.names()) == 3


def forget_rows(filled: Filled, device: Device) -> None:
    """Takes a device out of the ledger without a word to the store."""
    address = Settings(state=filled.state, database=filled.storage.database).database_address
    database = open_database(address)
    with database.begin() as connection:
        account = connection.scalar(
            text("SELECT account_id FROM devices WHERE id = :id"), {"id": device.device_id}
        )
        for statement in (
            "DELETE FROM evaluation_keys WHERE account_id = :id",
            "DELETE FROM devices WHERE account_id = :id",
            "DELETE FROM accounts WHERE id = :id",
        ):
            connection.execute(text(statement), {"id": account})
    database.dispose()


def age(filled: Filled) -> None:
    """Makes what lies in the folder a day old."""
    if not filled.storage.blobs:
        for path in (filled.state / "blobs").iterdir():
            at = path.stat().st_mtime - DAY
            os.utime(path, (at, at))


def figure(filled: Filled, name: str) -> float:
    """A figure of `/metrics`."""
    page = requests.get(filled.trainer.url + "/metrics", timeout=900).text
    (line,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_deletions_are_counted_and_logged(filled: Filled) -> None:
    """How many blobs went, and why, is a figure and a line of the log."""
    device = filled.devices[0]
    assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
    assert figure(filled, 'quietkeys_blobs_deleted_total{reason="ended"}') == 3
    lines = [json.loads(line) for line in filled.trainer.log.splitlines() if "blobs_deleted" in line]
    assert [(line["reason"], line["count"]) for line in lines] == [("ended", 3)]


@on_both
@pytest.mark.parametrize("days", [401, -401])
def test_a_clock_that_jumped_ends_nothing(filled: Filled, days: int) -> None:
    """A start more than a year off deletes nothing by age, until somebody confirms the clock."""
    filled.trainer.stop()
    before = filled.everything()
    filled.trainer.environment[AHEAD] = str(days * DAY)
    tidied(filled)
    assert "clock_jumped" in filled.trainer.log
    assert filled.everything() == before
    assert "admin clock --confirm" in filled.refusal("admin", "tidy")
    told = json.loads(filled.said("admin", "clock"))
    assert told["now"][:4] != told["newest"][:4]
    assert filled.everything() == before
    filled.said("admin", "clock", "--confirm")
    filled.said("admin", "tidy", *(["--confirm"] if days > 0 else []))
    rows, names = filled.everything()
    if days > 0:
        assert (rows["evaluation_keys"], rows["jobs"], names) == (set(), set(), [])
    else:
        assert (rows, names) == before


@on_both
def test_days_that_were_mistyped_are_asked_about(filled: Filled) -> None:
    """Keeping keys for four days instead of 400 deletes nothing before somebody has confirmed it."""
    filled.trainer.stop()
    before = filled.everything()
    for turn in range(1, 11):  # half a day at a time, as if it had been running
        filled.said("admin", "tidy", **{AHEAD: str(turn * DAY // 2)})
    later = {AHEAD: str(5 * DAY)}
    assert filled.everything() == before
    refused = filled.refusal("admin", "tidy", "--keep-keys-days", "4", "--keep-results-days", "4", **later)
    assert "kept for less time" in refused
    assert filled.everything() == before
    filled.said("admin", "tidy", "--keep-keys-days", "4", "--confirm", **later)
    assert filled.rows()["evaluation_keys"] == set()


@on_both
def test_a_worker_whose_clock_is_ahead_takes_no_live_lease(filled: Filled, tmp_path: Path) -> None:
    """Beside a worker that is at a job another one, an hour ahead, looks for work and finds none."""
    with filled.trainer.held():
        job_id = new_report(filled).json()["job_id"]
        runs = len(filled.trainer.runs())
        wait_until(lambda: filled.devices[0].state(job_id) == "running")
        other = Trainer(tmp_path, filled.trainer.environment | {AHEAD: "3600"})
        line = [word for word in other.command("worker") if not word.startswith("--port")]
        with (tmp_path / "other log").open("wb") as log:
            worker = subprocess.Popen(
                line, env=os.environ | {CONTROL: str(other.control)} | other.environment, stderr=log
            )
        try:
            wait_until(lambda: "worker_ready" in (tmp_path / "other log").read_text())
            time.sleep(3)  # a lease of the tests lasts two seconds
            assert len(filled.trainer.runs()) == runs + 1 or len(filled.trainer.runs()) == runs
            assert "job_done" not in (tmp_path / "other log").read_text()
        finally:
            worker.terminate()
            worker.wait(900)
    assert filled.devices[0].wait(job_id, "done", "failed") == "done"
    assert "job_result_dropped" not in filled.trainer.log


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


def public(device: Device) -> str:
    """The public key of a device in base64."""
    return base64.b64encode(device.public_key).decode()


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


@on_both
def test_no_command_but_serve_makes_a_trainer(filled: Filled, tmp_path: Path) -> None:
    """A mistyped state folder, or a database that is not there, is said to be none; nothing is made."""
    before = filled.everything()
    typo = tmp_path / "typo"
    commands = (
        *(("invite",), ("token",), ("devices",), ("jobs",), ("retry",), ("audit",), ("tidy",), ("clock",)),
        *(("backup", str(tmp_path / "backup")), ("migrate",), ("purge", "0" * 32)),
    )
    for command in commands:
        elsewhere = {"QUIETKEYS_DATABASE": f"sqlite:///{typo / 'ledger.sqlite'}"}
        refused = filled.refusal("admin", *command, **elsewhere)
        assert "there is no trainer here" in refused, command
        assert "--state" in refused
    assert not typo.exists()
    assert not (tmp_path / "backup").exists()
    assert filled.everything() == before


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
    other = Filled(folder, to or in_own_folder(folder), trainer, filled.devices, filled.jobs)
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


def in_own_folder(folder: Path) -> Storage:
    """The storage of a trainer that has everything in its folder."""
    return in_folder(folder / "state")


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


@on_both
def test_two_trainers_with_different_keys_do_not_share_a_ledger(filled: Filled, tmp_path: Path) -> None:
    """A second API without the first one's trainer.key does not start, and makes itself none."""
    folder = tmp_path / "second"
    folder.mkdir()
    variables = filled.storage.variables() or {
        "QUIETKEYS_DATABASE": f"sqlite:///{filled.state / 'ledger.sqlite'}",
        "QUIETKEYS_BLOBS": str(filled.state / "blobs"),
    }
    second = Filled(folder, filled.storage, Trainer(folder, variables))
    second.trainer.control.mkdir()
    assert "trainer.key" in second.refusal("serve", "--port", "0", "--workers", "0")
    assert not (second.state / "trainer.key").exists()
    (second.state / "trainer.key").write_bytes(bytes(range(32)))
    assert "trust another one" in second.refusal("serve", "--port", "0", "--workers", "0")
    shutil.copy(filled.state / "trainer.key", second.state / "trainer.key")
    second.trainer.start("--workers", "0")
    second.trainer.stop()
    works(filled)


def test_a_key_or_a_ledger_that_is_gone_is_not_made_anew(filled: Filled) -> None:
    """Without trainer.key or ledger.sqlite, or with something else in its place, no start."""
    filled.trainer.stop()
    for name, says in (("trainer.key", "trainer.key"), ("ledger.sqlite", "another one's marker")):
        (filled.state / name).rename(filled.state / "aside")
        assert says in filled.refusal("serve", "--port", "0")
        if name == "ledger.sqlite":
            (filled.state / name).unlink(missing_ok=True)
            (filled.state / name).write_text("something else, and long enough to be read as a header" * 9)
            assert "cannot be used as a ledger" in filled.refusal("serve", "--port", "0")
            assert "cannot be used as a ledger" in filled.refusal("admin", "devices")
        (filled.state / "aside").replace(filled.state / name)
    filled.start()
    works(filled)


@on_both
def test_what_cannot_be_undone_asks_first(filled: Filled) -> None:
    """Deleting devices, dropping the schema, ending a token: named, refused, and done when confirmed."""
    filled.said("admin", "token")
    before = filled.everything()
    device = filled.devices[0].device_id
    for command, names in (
        (("purge", device), "1 devices with their keys, 1 reports and 1 jobs"),
        (("migrate", "base"), "rows"),
        (("token",), "token"),
    ):
        refused = filled.refusal("admin", *command)
        assert names in refused
        assert "--confirm" in refused
    assert "revision" in filled.refusal("admin", "migrate", "NONSENSE")
    assert "no such device" in filled.refusal("admin", "purge", "0" * 32, "--confirm")
    assert filled.everything() == before
    filled.said("admin", "purge", device, "--confirm")
    assert len(filled.storage.names()) == 3


def test_a_database_that_does_not_answer_is_said_to_be_that(filled: Filled) -> None:
    """A server that is down is one sentence that says so, and holds no password."""
    refused = filled.refusal(
        "admin", "devices", QUIETKEYS_DATABASE="postgresql://u:open-sesame@127.0.0.1:1/x"
    )
    assert "does not answer" in refused
    assert "open-sesame" not in refused


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


def test_a_file_that_everybody_reads_holds_no_password(tmp_path: Path, storage: Storage) -> None:
    """A settings file with the database's password is refused until it is private."""
    file = tmp_path / "trainer.toml"
    file.write_text('database = "postgresql://trainer:open-sesame@127.0.0.1:1/none"\n')
    file.chmod(0o644)
    trainer = Trainer(tmp_path)
    trainer.control.mkdir()
    filled = Filled(tmp_path, storage, trainer)
    refused = filled.refusal("admin", "devices", "--config", str(file))
    assert "chmod" in refused
    assert "open-sesame" not in refused
    file.chmod(0o640)
    assert "does not answer" in filled.refusal("admin", "devices", "--config", str(file))
