"""Transactions that meet: on each kind of database, whoever comes second sees what the first has done."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, text

from quietkeys_protocol.containers import Report
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_protocol.messages import Invitation, JobState
from quietkeys_trainer.ledger.accounts import Limits
from quietkeys_trainer.ledger.circles import Circles
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.jobs import Arrival, Jobs

NOW = 1_700_000_000.0
ANN, KEY, PLAN = "a" * 32, bytes(32), bytes([2] * 32)
ROUNDS = 10  # a race that is lost now and then is lost in one of them


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A database in which Ann has keys."""
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    ledger.enrol(ANN, bytes(32), NOW)
    ledger.add_keys(ANN, KEY.hex(), [PLAN.hex()], "keys", NOW)
    yield database
    database.dispose()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What calls return, or the codes that they raise, when all begin at the same moment."""
    start = threading.Barrier(len(calls))
    outcomes: list[Any] = [ErrorCode.TRAINER_BROKEN] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            outcomes[number] = call()
        except QuietkeysError as error:
            outcomes[number] = error.code
        except BaseException as error:  # noqa: BLE001 - carried over to the test's thread
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        found.append(outcome)
    return found


def arrival(sequence: int, key: str = "", source: int = 0) -> Arrival:
    """A report of Ann's."""
    sha256 = hashlib.sha256(b"%d" % sequence).hexdigest()
    report = Report(PLAN, KEY, source, 2, sequence, (b"x",))
    return Arrival(ANN, report, secrets.token_hex(8), sha256, key or secrets.token_hex(16))


def states(database: Engine) -> list[str]:
    """The states of all jobs."""
    with database.connect() as connection:
        return sorted(connection.execute(text("SELECT state FROM jobs")).scalars())


def test_a_device_that_enrols_twice_at_once_is_one(database: Engine) -> None:
    """One enrolment is new, the others find it there."""
    ledger = Ledger(database)
    for number in range(ROUNDS):
        device_id = f"{number:032x}"
        found = at_once(*[partial(ledger.enrol, device_id, bytes(32), NOW)] * 4)
        assert sorted(found) == [False, False, False, True]


def test_a_report_that_is_repeated_at_once_makes_one_job(database: Engine) -> None:
    """All attempts get the same job, one of them gives the blob."""
    jobs = Jobs(database)
    for number in range(1, ROUNDS):
        same = arrival(number, f"{number:032x}")
        found = at_once(*[partial(jobs.accept, same, NOW)] * 4)
        assert len({acceptance.job.job_id for acceptance in found}) == 1
        assert sum(acceptance.took_blob for acceptance in found) == 1


def test_of_reports_that_come_at_once_the_newest_stands(database: Engine) -> None:
    """One job is queued; each other report was superseded, or refused as older than what was there."""
    jobs = Jobs(database)
    for number in range(ROUNDS):
        sent = [arrival(10 * number + turn) for turn in range(1, 5)]
        found = at_once(*[partial(jobs.accept, one, NOW) for one in sent])
        assert {code for code in found if isinstance(code, ErrorCode)} <= {ErrorCode.SEQUENCE_REPLAYED}
        assert states(database).count("queued") == 1
        with database.connect() as connection:
            latest = connection.scalar(text("SELECT sequence FROM reports"))
        assert latest == 10 * number + 4


def test_a_job_is_leased_once(database: Engine) -> None:
    """Of workers that ask at once each gets another job, and the rest none."""
    jobs = Jobs(database)
    for number in range(1, ROUNDS):
        for source in (0, 1):
            jobs.accept(arrival(number, source=source), NOW)
        found = at_once(*[partial(jobs.lease_next, "w" * 32, [PLAN.hex()], 10)] * 4)
        leases = [lease for lease in found if lease is not None]
        assert len({lease.job_id for lease in leases}) == len(leases) == 2
        for lease in leases:
            assert jobs.finish(lease, secrets.token_hex(8), NOW)


def test_two_jobs_of_a_source_that_end_at_once_leave_one_update(database: Engine) -> None:
    """The newer one's update is kept, the other is superseded and its update doomed."""
    ledger, jobs = Ledger(database), Jobs(database)
    for number in range(ROUNDS):
        leases = []
        for turn in (1, 2):
            jobs.accept(arrival(10 * number + turn), NOW + number + turn / 10)
            lease = jobs.lease_next("w" * 32, [PLAN.hex()], 10)
            assert lease is not None
            leases.append(lease)
        updates = [f"update {number} {turn}" for turn in (1, 2)]
        pairs = zip(leases, updates, strict=True)
        found = at_once(*[partial(jobs.finish, *pair, NOW + number) for pair in pairs])
        assert found == [True, True]
        assert states(database).count("done") == 1
        assert jobs.find(ANN, leases[1].job_id).state is JobState.DONE
        assert updates[0] in ledger.doomed_blobs()


def test_the_last_place_in_a_circle_is_taken_once(database: Engine) -> None:
    """Of devices with open invitations as many get in at once as there is room for, no two in one place."""
    ledger, circles = Ledger(database), Circles(database)
    claim = bytes(32)
    guests = [f"{number:032x}" for number in range(10)]
    invitations = [secrets.token_hex(16) for _ in guests]
    for guest in guests:
        ledger.enrol(guest, bytes(32), NOW)
    joined: list[Any] = []
    for some in (slice(0, 4), slice(4, 8), slice(8, 10)):
        for invitation in invitations[some]:
            circles.invite(ANN, Invitation(invitation, hashlib.sha256(claim).hexdigest(), b"x"), NOW)
        pairs = zip(guests[some], invitations[some], strict=True)
        joined = joined + at_once(*[partial(circles.claim, *pair, claim, NOW) for pair in pairs])
    assert sum(outcome is ErrorCode.CIRCLE_FULL for outcome in joined) == 3
    assert [member.source for member in circles.of(ANN).members] == list(range(8))


def test_what_comes_while_a_device_is_deleted_is_not_kept(database: Engine) -> None:
    """A report, keys or a card that meet the deletion are in before it, or unknown; nothing is left."""
    jobs, circles = Jobs(database), Circles(database)
    ledger = Ledger(database, Limits())
    expected = {ErrorCode.DEVICE_UNKNOWN, ErrorCode.KEY_UNKNOWN}
    for number in range(1, ROUNDS):
        found = at_once(
            lambda: ledger.delete_device(ANN, NOW),
            partial(jobs.accept, arrival(number), NOW),
            lambda: circles.set_card(ANN, b"card"),
            lambda: ledger.add_keys(ANN, "c" * 64, [PLAN.hex()], secrets.token_hex(8), NOW),
            lambda: ledger.use_nonce(ANN, secrets.token_hex(16), int(NOW), NOW, 5),
        )
        assert {code for code in found if isinstance(code, ErrorCode)} <= expected
        with database.connect() as connection:
            for table in ("accounts", "devices", "evaluation_keys", "reports", "jobs", "usage"):
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608 - our own
        with database.begin() as connection:
            connection.execute(text("DELETE FROM departed"))
        ledger.enrol(ANN, bytes(32), NOW)
        ledger.add_keys(ANN, KEY.hex(), [PLAN.hex()], secrets.token_hex(8), NOW)
