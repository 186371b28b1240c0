"""What a device may ask for in a time, and who may enrol."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text

from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.engine.pressure import FRESH_S
from quietkeys_trainer.ledger.accounts import NO_LIMITS, Limits, Throttled, charge
from quietkeys_trainer.ledger.audit import entries
from quietkeys_trainer.ledger.database import migrate, open_database, reading, writing
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.invites import forget_invites, make_invite
from quietkeys_trainer.ledger.tables import Allowance, Base
from quietkeys_trainer.service import addresses
from quietkeys_trainer.service.addresses import Addresses
from quietkeys_trainer.service.settings import Settings
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import Trainer, fake_keys, fake_values, running
from tests.trainer.stores import Storage, on_both

NOW = 1_700_000_000.0
ANN, BOB, KEY = "a" * 32, "b" * 32, "c" * 64
KEYS = fake_keys(b"one")


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A database at the newest schema."""
    database = open_database(database_url)
    migrate(database)
    yield database
    database.dispose()


def used(ledger: Ledger, device_id: str, amount: float, now: float) -> int:
    """Charges reports; the seconds to wait, 0 where they were allowed."""
    try:
        with writing(ledger.database) as session:
            charge(session, ledger.limits, device_id, Allowance.REPORTS, amount, now)
    except Throttled as error:
        return error.retry_after_s
    return 0


def test_an_allowance_is_used_up_and_comes_back(database: Engine) -> None:
    """Ten a day are taken at once, an eleventh when a tenth of a day is over; a refusal costs nothing."""
    ledger = Ledger(database, replace(NO_LIMITS, reports_per_day=10))
    for device_id in (ANN, BOB):
        ledger.enrol(device_id, bytes(32), NOW)
    assert [used(ledger, ANN, 1, NOW) for _ in range(10)] == [0] * 10
    assert [used(ledger, ANN, 1, NOW) for _ in range(5)] == [8640] * 5
    assert used(ledger, BOB, 1, NOW) == 0
    assert used(ledger, ANN, 1, NOW + 8639) == 1
    assert used(ledger, ANN, 1, NOW + 8640) == 0
    assert used(ledger, ANN, 1, NOW + 8640) == 8640
    assert used(ledger, ANN, 10, NOW + 3 * 86400) == 0
    assert used(ledger, ANN, 1, NOW) > 0  # a clock that was set back gives nothing away


def test_requests_and_their_bytes_are_charged_with_the_nonce(database: Engine) -> None:
    """A device that is over its allowance is refused with its next request."""
    ledger = Ledger(database, replace(NO_LIMITS, requests_per_minute=3, bytes_per_day=1000))
    ledger.enrol(ANN, bytes(32), NOW)
    for number in range(2):
        ledger.use_nonce(ANN, f"{number:032x}", int(NOW), NOW, 500)
    with pytest.raises(Throttled) as caught:
        ledger.use_nonce(ANN, "2" * 32, int(NOW), NOW, 1)
    assert caught.value.retry_after_s == 87
    ledger.use_nonce(ANN, "3" * 32, int(NOW), NOW, 0)
    with pytest.raises(Throttled) as caught:
        ledger.use_nonce(ANN, "4" * 32, int(NOW), NOW, 0)
    assert caught.value.retry_after_s == 20


def test_no_more_devices_enrol_from_an_address_than_may() -> None:
    """Its newcomers wait for a while, whatever became of earlier ones; those of other addresses do not."""
    now = [0.0]
    door = Addresses(2, lambda: now[0])
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::ffff"):
        door.admit(address, "enrolments")
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2"):
        with pytest.raises(Throttled) as caught:
            door.admit(address, "enrolments")
        assert caught.value.retry_after_s == 30
    door.admit("2001:db8:0:1::1", "enrolments")
    now[0] = 30.0
    door.admit("192.0.2.1", "enrolments")
    with pytest.raises(Throttled):
        door.admit("192.0.2.1", "enrolments")


def test_addresses_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has very many cannot fill the memory."""
    monkeypatch.setattr(addresses, "MOST_ADDRESSES", 10)
    door = Addresses(1)
    for number in range(100):
        door.admit(f"192.0.2.{number}", "enrolments")
    assert len(door._full_until) == 10


def rows_of(trainer: Trainer) -> dict[str, int]:
    """How many rows each table of a trainer has."""
    database = open_database(f"sqlite:///{trainer.folder / 'state' / 'ledger.sqlite'}")
    with reading(database) as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
    database.dispose()
    return counts


def from_address(trainer: Trainer, address: str) -> tuple[int, str]:
    """What a new device is answered that enrols from an address behind the proxy."""
    device = Device(trainer.url)
    body = json.dumps({"public_key": base64.b64encode(device.public_key).decode()}).encode()
    answer = device.send("POST", "/v1/devices", body, {"X-Forwarded-For": address})
    return (201, "") if answer.status_code == 201 else code(answer)


def test_newcomers_lock_nobody_out_and_refusals_write_nothing(tmp_path: Path) -> None:
    """Strangers use up their own address alone; whoever is refused, for whatever reason, leaves no row."""
    with running(tmp_path, "--workers", "0", "--enrolments-per-minute", "3") as trainer:
        answers = [from_address(trainer, "192.0.2.7") for _ in range(3)]
        assert answers == [(201, "")] * 3
        before = rows_of(trainer)
        for _ in range(3):
            assert from_address(trainer, "192.0.2.7") == (429, ErrorCode.TOO_MANY_REQUESTS)
        assert rows_of(trainer) == before
        assert from_address(trainer, "192.0.2.8") == (201, "")
        device = Device(trainer.url)
        for _ in range(2):  # the address of this test itself; leaving gives nothing back
            assert device.enrol().status_code == 201
            assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
            device = Device(trainer.url)
        assert device.enrol().status_code == 201
        assert code(Device(trainer.url).enrol())[0] == 429
        assert device.enrol().status_code == 200  # who is known already asks for nothing new
        trainer.stop()
        trainer.start("--workers", "0", "--enrolment", "invited")
        before = rows_of(trainer)
        assert from_address(trainer, "192.0.2.9") == (403, ErrorCode.ENROLMENT_REFUSED)
        assert rows_of(trainer) == before


def test_storage_has_an_end(tmp_path: Path) -> None:
    """Beyond what all devices may store there are neither newcomers nor new keys; all else goes on."""
    keys = fake_keys(b"one")
    with running(tmp_path, "--workers", "0", "--storage-bytes", str(2 * len(keys))) as trainer:
        devices = [trainer.device() for _ in range(3)]
        for device in devices[:2]:
            assert device.put_keys(keys).json()["state"] == "stored"
        before = rows_of(trainer)
        time.sleep(2 * FRESH_S)  # what is stored is counted once in a while
        assert code(devices[2].put_keys(keys)) == (507, ErrorCode.DISK_FULL)
        assert from_address(trainer, "192.0.2.9") == (507, ErrorCode.DISK_FULL)
        after = rows_of(trainer)
        assert {name for name in after if after[name] != before[name]} <= {"nonces", "usage"}
        report = devices[0].report(PLAN.hash, keys, fake_values(b"x"))
        assert devices[0].post(report).status_code == 202
        assert devices[0].put_keys(keys).json()["state"] == "stored"


def refused(ledger: Ledger, device_id: str, invite: str, now: float = NOW) -> bool:
    """Whether a device does not get in with an invite."""
    try:
        return not ledger.enrol(device_id, bytes(32), now, invite)
    except Refused as error:
        assert error.code is ErrorCode.ENROLMENT_REFUSED
        return True


def test_an_invite_lets_in_so_many_devices_until_its_time(database: Engine) -> None:
    """A third device, a later one, a wrong token and none are refused; the same device again uses nothing."""
    ledger = Ledger(database, is_open=False)
    invite = make_invite(database, 2, NOW, NOW + 100)
    once = make_invite(database, 1, NOW, NOW + 100)
    for wrong in ("", "x", "0" * 32, invite.upper(), invite + "0"):
        assert refused(ledger, ANN, wrong)
    assert ledger.enrol(ANN, bytes(32), NOW, invite)
    assert not ledger.enrol(ANN, bytes(32), NOW, invite)
    assert not ledger.enrol(ANN, bytes(32), NOW)
    assert ledger.enrol(BOB, bytes(32), NOW, invite)
    assert refused(ledger, "d" * 32, invite)
    assert refused(ledger, "d" * 32, once, NOW + 100)
    with database.connect() as connection:
        stored = connection.execute(text("SELECT digest FROM enrolment_tokens")).scalars().all()
        assert not any(token.encode() in bytes(row) for token in (invite, once) for row in stored)
    forget_invites(database, NOW)
    with database.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM enrolment_tokens")) == 1
    log = [(entry.actor, entry.action, entry.amount) for entry in entries(database, 0)]
    assert sorted(log) == [
        ("device", "device_enrolled", 1),
        ("device", "device_enrolled", 1),
        ("operator", "enrolments_invited", 1),
        ("operator", "enrolments_invited", 2),
    ]


@pytest.fixture
def strict(storage: Storage, tmp_path: Path) -> Iterator[Trainer]:
    """A trainer with small allowances."""
    limits = ("--reports-per-day=3", "--key-sets-per-day=1", "--jobs-in-flight=2", "--requests-per-minute=30")
    with running(tmp_path, "--workers", "0", *limits, **storage.variables()) as trainer:
        yield trainer


def ready(trainer: Trainer) -> Device:
    """An enrolled device with keys."""
    device = trainer.device()
    assert device.put_keys(KEYS).json()["state"] == "stored"
    return device


@on_both
def test_a_device_that_asks_for_too_much_is_told_when_to_come_back(strict: Trainer) -> None:
    """Keys, jobs in flight, reports and requests beyond the allowance are 429 with Retry-After."""
    device, other = ready(strict), ready(strict)
    again = device.put_keys(fake_keys(b"two"))
    assert code(again) == (429, ErrorCode.TOO_MANY_REQUESTS)
    assert 86_400 - 60 < int(again.headers["Retry-After"]) <= 86_400  # a day, less what this test took
    for source in (0, 1):
        report = device.report(PLAN.hash, KEYS, fake_values(b"x"), source=source, sources=2)
        assert device.post(report).status_code == 202
    newer = device.report(PLAN.hash, KEYS, fake_values(b"y"), source=1, sources=2)
    assert device.post(newer).status_code == 202  # it takes the place of the one that waits
    fourth = device.post(device.report(PLAN.hash, KEYS, fake_values(b"z"), source=1, sources=2))
    assert code(fourth) == (429, ErrorCode.TOO_MANY_REQUESTS)
    assert 28000 < int(fourth.headers["Retry-After"]) <= 28800
    answers = [device.send("GET", "/v1/circle") for _ in range(40)]
    throttled = [answer for answer in answers if answer.status_code == 429]
    assert throttled
    assert 1 <= int(throttled[-1].headers["Retry-After"]) <= 60
    assert other.send("GET", "/v1/circle").status_code == 200


def test_an_invited_trainer_lets_in_nobody_else(strict_door: tuple[Trainer, list[str]]) -> None:
    """Without an invite, and with somebody else's used one, enrolment is 403 and the device unknown."""
    trainer, (invite, another) = strict_door

    def enrol(device: Device, **more: str) -> tuple[int, str]:
        body = {"public_key": base64.b64encode(device.public_key).decode(), **more}
        answer = device.send("POST", "/v1/devices", json.dumps(body).encode())
        return (answer.status_code, "") if answer.status_code < 300 else code(answer)

    ann, bob = Device(trainer.url), Device(trainer.url)
    assert enrol(ann) == (403, ErrorCode.ENROLMENT_REFUSED)
    assert code(ann.send("GET", "/v1/circle")) == (404, ErrorCode.DEVICE_UNKNOWN)
    assert enrol(ann, invite=invite) == (201, "")
    assert enrol(ann, invite=invite) == (200, "")
    assert enrol(bob, invite=invite) == (403, ErrorCode.ENROLMENT_REFUSED)
    guest = TrainerClient(Identity.generate(), RequestsTransport(trainer.url), invite=another)
    assert len(guest.enrol()) == len(guest.enrol()) == 32
    assert invite not in trainer.log


@pytest.fixture
def strict_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trainer, list[str]]]:
    """A trainer for invited devices, and two invites for one each."""
    folder = tmp_path_factory.mktemp("invited")
    with running(folder, "--workers", "0", "--enrolment", "invited") as trainer:
        database = open_database(f"sqlite:///{folder / 'state' / 'ledger.sqlite'}")
        yield trainer, [make_invite(database, 1, 0, 2**40) for _ in range(2)]
        database.dispose()


def test_limits_are_on_unless_they_are_taken_off() -> None:
    """A trainer that is started without a word about limits has some of each kind."""
    assert all(most > 0 for most, _ in Limits().allowances.values())
    assert Limits().jobs_in_flight > 0
    assert Settings().enrolments_per_minute > 0
    assert Settings().storage_bytes > 0
