"""Accounts: enrolment, nonces, evaluation keys, deletion."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import inspect, text

from quietkeys_protocol.errors import ErrorCode, Refused, StartOver
from quietkeys_protocol.signing import WINDOW_S
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger

NOW = 1_700_000_000
ANN, BOB, KEY, PLAN = "a" * 32, "b" * 32, "c" * 64, "d" * 64


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger in which Ann is enrolled."""
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    assert ledger.enrol(ANN, bytes(32), NOW)
    yield ledger
    database.dispose()


def store_work(ledger: Ledger) -> None:
    """A report of Ann's and the update that came of it, under her first keys."""
    with ledger.database.begin() as connection:
        account = connection.scalar(text("SELECT account_id FROM devices WHERE id = :id"), {"id": ANN})
        names = {"account": account, "device": ANN, "key": KEY, "plan": PLAN}
        for statement in (
            "INSERT INTO reports VALUES (:account, :key, 0, 1, :plan, 1, :device, 'report', 0)",
            "INSERT INTO jobs (id, account_id, device_id, key_id, plan_hash, source, sources, "
            "idempotency_key, report_sha256, state, attempts, queued_at) VALUES "
            "('j', :account, :device, :key, :plan, 0, 1, 'i', 's', 'queued', 0, 0)",
            "UPDATE jobs SET state = 'running', attempts = 1, lease = 'l', lease_until = 1, worker = 'w'",
            "UPDATE jobs SET state = 'done', lease = NULL, lease_until = NULL, worker = NULL,"
            " finished_at = 1, update_blob = 'update'",
        ):
            connection.execute(text(statement), names)


def test_enrolling_again_changes_nothing(ledger: Ledger) -> None:
    """The second enrolment of a device says that it is known."""
    assert not ledger.enrol(ANN, bytes(32), NOW + 1)
    assert ledger.public_key(ANN) == bytes(32)


def test_a_stranger_has_no_public_key(ledger: Ledger) -> None:
    """A device that was never enrolled is unknown."""
    with pytest.raises(StartOver) as caught:
        ledger.public_key(BOB)
    assert caught.value.code is ErrorCode.DEVICE_UNKNOWN


def test_a_nonce_is_used_once(ledger: Ledger) -> None:
    """The same nonce of the same device is refused, that of another device is not."""
    ledger.use_nonce(ANN, "0" * 32, NOW, NOW)
    ledger.use_nonce(BOB, "0" * 32, NOW, NOW)
    with pytest.raises(Refused) as caught:
        ledger.use_nonce(ANN, "0" * 32, NOW, NOW + 1)
    assert caught.value.code is ErrorCode.NONCE_REPLAYED


def test_a_nonce_is_kept_as_long_as_it_could_be_replayed(ledger: Ledger) -> None:
    """A request from the far end of the window is refused until its time runs out, then forgotten."""
    sent = NOW + WINDOW_S  # by a clock that is fast
    ledger.use_nonce(ANN, "0" * 32, sent, NOW)
    with pytest.raises(Refused):
        ledger.use_nonce(ANN, "0" * 32, sent, sent + WINDOW_S)
    ledger.use_nonce(ANN, "1" * 32, sent, sent + 2 * WINDOW_S + 1)
    with ledger.database.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM nonces")) == 1


def test_writers_wait_for_each_other(ledger: Ledger) -> None:
    """Eight threads that write at once all succeed, and one nonce is used by one of them."""
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def use(name: int) -> None:
        start.wait()
        for number in range(10):
            assert ledger.enrol(f"{name}{number:031}", bytes(32), NOW)  # reads, then writes
        try:
            ledger.use_nonce(ANN, "f" * 32, NOW, NOW)
            outcomes.append("used")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=use, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["used"]


def test_keys_belong_to_one_device_and_to_their_plans(ledger: Ledger) -> None:
    """Keys are found by the device that stored them, for the plans whose framing they have."""
    assert ledger.add_keys(ANN, KEY, [PLAN], "blob", NOW)
    assert not ledger.add_keys(ANN, KEY, ["e" * 64], "another", NOW)
    assert ledger.has_keys(ANN, KEY, PLAN)
    assert ledger.has_keys(ANN, KEY, "e" * 64)
    ledger.enrol(BOB, bytes(32), NOW)
    assert not ledger.has_keys(ANN, KEY, "f" * 64)
    assert not ledger.has_keys(BOB, KEY, PLAN)
    assert ledger.named_blobs(["blob"])
    assert not ledger.named_blobs(["another"])


def test_a_device_keeps_its_two_newest_key_sets(ledger: Ledger) -> None:
    """A third set ends the oldest, its reports, jobs and blobs; repeating an upload ends nothing."""
    ledger.enrol(BOB, bytes(32), NOW)
    ledger.add_keys(BOB, KEY, [PLAN], "Bob's", NOW)
    for number, key_id in enumerate((KEY, "1" * 64)):
        ledger.add_keys(ANN, key_id, [PLAN], f"keys {number}", NOW + number)
    store_work(ledger)
    ledger.add_keys(ANN, KEY, [PLAN], "again", NOW + 2)
    assert ledger.doomed_blobs() == []
    assert ledger.add_keys(ANN, "2" * 64, [PLAN], "keys 2", NOW + 3)
    assert [ledger.has_keys(ANN, key_id, PLAN) for key_id in (KEY, "1" * 64, "2" * 64)] == [False, True, True]
    assert ledger.has_keys(BOB, KEY, PLAN)
    assert sorted(ledger.doomed_blobs()) == ["keys 0", "report", "update"]
    with ledger.database.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM reports")) == 0
        assert connection.scalar(text("SELECT count(*) FROM jobs")) == 0


def test_keys_that_arrive_after_the_deletion_are_not_taken(ledger: Ledger) -> None:
    """A device that was deleted while its keys were on their way is unknown."""
    ledger.delete_device(ANN, NOW)
    with pytest.raises(StartOver) as caught:
        ledger.add_keys(ANN, KEY, [PLAN], "blob", NOW)
    assert caught.value.code is ErrorCode.DEVICE_UNKNOWN


def test_deletion_leaves_no_row_and_dooms_every_blob(ledger: Ledger) -> None:
    """After it only doomed blobs have rows, a digest and the log; the blobs are forgotten one by one."""
    ledger.add_keys(ANN, KEY, [PLAN], "keys", NOW)
    store_work(ledger)
    ledger.delete_device(ANN, NOW)
    with ledger.database.connect() as connection:
        for table in inspect(ledger.database).get_table_names():
            rows = connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names
            expected = {"alembic_version": 1, "audit": 3, "departed": 1, "doomed_blobs": 3}
            assert rows == expected.get(table, 0), table
    assert sorted(ledger.doomed_blobs()) == ["keys", "report", "update"]
    for blob in ledger.doomed_blobs():
        assert ledger.named_blobs([blob])
        ledger.forget_doomed(blob)
        assert ledger.is_erased(ANN) == (not ledger.doomed_blobs())
    assert ledger.doomed_blobs() == []
    assert ledger.is_erased(ANN)
