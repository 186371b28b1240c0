"""A device that is deleted is gone: every table, every file and every blob is walked for what was its own."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import MetaData, select

from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.service.settings import Settings
from tests.trainer.device import Device
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import Trainer, fake_keys, fake_values, running, wait_until
from tests.trainer.stores import Storage, on_both

KEYS = fake_keys(b"one")
# Which never name a device, and stay.
IMPERSONAL = {"alembic_version", "audit", "departed", "nonces", "runs", "trainer"}


def cells(state: Path, storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Every value of every row, as bytes, with its table."""
    database = open_database(Settings(state=state, database=storage.database).database_address)
    tables = MetaData()
    tables.reflect(database)
    with database.connect() as connection:
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                for value in row:
                    yield table.name, value if isinstance(value, bytes) else str(value).encode()
    database.dispose()


def live_fully(trainer: Trainer, name: bytes) -> tuple[Device, list[bytes]]:
    """A device with something in every table, and the marks by which that is known as its own."""
    device = trainer.device()
    assert device.put_keys(KEYS).json()["state"] == "stored"
    job_id = device.post(device.report(PLAN.hash, KEYS, fake_values(name))).json()["job_id"]
    assert device.wait(job_id, "done", "failed") == "done"
    half = fake_keys(name + b" half")
    key_id = hashlib.sha256(half).hexdigest()
    assert device.put_part(key_id, 0, half[:1000]).json()["state"] == "partial"
    assert device.send("PUT", "/v1/circle/card", b"card of " + name).status_code == 204
    assert device.send("PUT", f"/v1/circle/mail/{device.device_id}", b"mail of " + name).status_code == 204
    invitation = secrets.token_hex(16)
    body = {"invitation_id": invitation, "claim_sha256": "0" * 64, "package": "AAAA"}
    assert device.send("POST", "/v1/invitations", json.dumps(body).encode()).status_code == 201
    marks = (device.device_id, device.public_key, job_id, key_id, invitation, b"card of " + name)
    return device, [
        mark if isinstance(mark, bytes) else mark.encode() for mark in (*marks, b"mail of " + name)
    ]


@on_both
def test_a_deleted_device_leaves_no_row_and_no_blob(storage: Storage, tmp_path: Path) -> None:
    """What is found of it before is nowhere afterwards, and the device beside it has lost nothing."""
    state = tmp_path / "state"
    with running(tmp_path, "--workers", "1", "--requests-per-minute=1000", **storage.variables()) as trainer:
        other, others = live_fully(trainer, b"other")
        beside, kept = set(storage.names()), list(cells(state, storage))
        device, marks = live_fully(trainer, b"leaving")
        before = list(cells(state, storage))
        assert {table for table, _ in before} >= {
            *("accounts", "devices", "evaluation_keys", "evaluation_key_plans", "reports", "jobs"),
            *("uploads", "invitations", "mail", "usage"),
        }
        for mark in marks:
            assert any(mark in cell for _, cell in before), mark
        assert len(storage.names()) == len(beside) + 3
        assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
        wait_until(lambda: set(storage.names()) == beside)
        after = list(cells(state, storage))
        for mark in marks:
            assert not any(mark in cell for _, cell in after), mark
            assert mark not in b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
        log = trainer.log.replace(marks[2].decode(), "")  # job ids may be there: they name nobody now
        for mark in marks:
            assert mark not in log.encode()
        for mark in others:
            assert any(mark in cell for _, cell in after), mark
        personal = [sum(table not in IMPERSONAL for table, _ in found) for found in (kept, after)]
        assert personal[0] == personal[1]
        assert other.key_state(KEYS) == ("stored", len(KEYS))
