"""Ledger, store and key that do not belong together, or are not there: nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import requests
from sqlalchemy import text

from quietkeys_protocol.errors import ErrorCode
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.ledger.identity import note_trainer_key
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.trainer_key import make_trainer_key, open_trainer_key
from tests.trainer.device import Device, code
from tests.trainer.filled import KEYS, Filled, key_id, new_report, ready, tidied, works
from tests.trainer.running import Trainer, wait_until
from tests.trainer.stores import Services, on_both

DAY = 86_400


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
        wait_until(lambda: ready(filled) == 503)
        assert not blobs.exists() or list(blobs.iterdir()) == []
        shutil.rmtree(blobs, ignore_errors=True)
        aside.rename(blobs)
        assert filled.everything() == before
    works(filled)


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
    wait_until(lambda: ready(filled) == 503)
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
    wait_until(lambda: figure(filled, "quietkeys_blobs_unnamed") == 3)
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
    page = requests.get(filled.trainer.private_url + "/metrics", timeout=900).text
    (line,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_deletions_are_counted_and_logged(filled: Filled) -> None:
    """How many blobs went, and why, is a figure and a line of the log."""
    device = filled.devices[0]
    assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
    wait_until(lambda: figure(filled, 'quietkeys_blobs_deleted_total{reason="ended"}') == 3)
    lines = [json.loads(line) for line in filled.trainer.log.splitlines() if "blobs_deleted" in line]
    assert [(line["reason"], line["count"]) for line in lines] == [("ended", 3)]


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
def test_a_key_is_replaced_or_it_is_not(filled: Filled) -> None:
    """`admin key` asks first; one that was cut off is finished by the next."""
    filled.trainer.stop()
    place, coming = filled.state / "trainer.key", filled.state / "trainer.new"
    before = place.read_bytes()
    assert "each of 2 devices" in filled.refusal("admin", "key")
    assert (place.read_bytes(), coming.exists()) == (before, False)
    settings = Settings(state=filled.state, database=filled.storage.database)
    database = open_database(settings.database_address)
    key = make_trainer_key(coming)
    note_trainer_key(database, key.public_key)
    database.dispose()
    assert "trust another one" in filled.refusal("serve", "--port", "0")
    filled.said("admin", "key", "--confirm")
    assert (open_trainer_key(place).public_key, coming.exists()) == (key.public_key, False)
    filled.said("admin", "key", "--confirm")
    assert open_trainer_key(place).public_key != key.public_key
    filled.start()
    works(filled)


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
