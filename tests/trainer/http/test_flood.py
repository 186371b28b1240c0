"""Requests that nobody has signed, without end: looked at so often a minute, and everybody else is served."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
import requests

from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import Enrolment, InviteWish
from quietkeys_trainer.http.operator_token import make_token
from quietkeys_trainer.processes.connections import Bounds, Connection, Room
from quietkeys_trainer.service import addresses
from quietkeys_trainer.service.addresses import Strangers
from tests.patience import HANGS_S
from tests.trainer.device import Device, code
from tests.trainer.http.test_connections import connect
from tests.trainer.running import Trainer, running

MOST: Final = 1  # unsigned requests a minute, so that a slow machine is none too slow
HERE: Final = {"X-Forwarded-For": "192.0.2.1"}
THERE: Final = {"X-Forwarded-For": "192.0.2.2"}


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    """A trainer that looks at few."""
    with running(tmp_path, "--workers", "0", "--unsigned-per-minute", str(MOST)) as trainer:
        yield trainer


def flood(trainer: Trainer, number: int, headers: dict[str, str]) -> list[int]:
    """The statuses of so many unsigned requests on one connection, of every kind in turn."""
    nobody, found = Device(trainer.url), list[int]()
    with requests.Session() as session:
        for turn in range(number):
            path = ("/v1/service", "/none", "/v1/devices/1", f"/v1/devices/{nobody.device_id}")[turn % 4]
            signed = nobody.sign("GET", path, "0" * 64) if turn % 4 == 3 else {}
            answer = session.get(trainer.url + path, headers=headers | signed, timeout=HANGS_S)
            found.append(answer.status_code)
    return found


def test_a_flood_is_sent_away_and_nobody_else_is(trainer: Trainer) -> None:
    """Beyond its share an address is told when to come back; a device that was here is served, health too."""
    device = Device(trainer.url)
    path = f"/v1/devices/{device.device_id}"
    assert device.enrol().status_code == 201
    assert device.send("GET", path, headers=HERE).status_code == 200
    answers = flood(trainer, 40, HERE)
    assert answers[0] != 429
    assert answers.count(429) >= 30
    asked = (requests.get(trainer.url + "/v1/service", headers=HERE, timeout=HANGS_S) for _ in range(9))
    refused = next(answer for answer in asked if answer.status_code != 200)
    assert code(refused) == (429, ErrorCode.TOO_MANY_REQUESTS)
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["Connection"] == "close"
    assert device.send("GET", path, headers=HERE).status_code == 200
    assert requests.get(trainer.url + "/healthz", headers=HERE, timeout=HANGS_S).status_code == 200
    assert requests.get(trainer.url + "/v1/service", headers=THERE, timeout=HANGS_S).status_code == 200
    assert trainer.log.count('"event": "request"') < 20
    figures = requests.get(trainer.private_url + "/metrics", timeout=HANGS_S).text
    assert 'quietkeys_rejections_total{reason="too_many_requests"}' in figures


def test_a_flood_of_questions_for_health_is_one_too(trainer: Trainer) -> None:
    """It is counted apart, so that it costs only those who ask the same from the same address."""
    session = requests.Session()
    statuses = [
        session.get(trainer.url + "/healthz", headers=HERE, timeout=HANGS_S).status_code for _ in range(20)
    ]
    session.close()
    assert statuses[0] == 200 and statuses.count(429) >= 10
    assert flood(trainer, 1, HERE) == [200]


def test_who_has_proved_itself_is_not_counted(trainer: Trainer) -> None:
    """Signed requests of devices, and the operator's own, are no strangers', however many there are."""
    device = trainer.device()
    enrolment = Enrolment(device.public_key).to_json()
    token = make_token(trainer.folder / "state" / "operator.token")
    for _ in range(20):
        assert device.send("POST", "/v1/devices", enrolment, THERE).status_code == 200
        assert device.send("GET", "/v1/circle", headers=THERE).status_code == 200
        wish = InviteWish(1, 1).to_json()
        shown = THERE | {"Authorization": f"Bearer {token}"}
        answer = requests.post(trainer.url + "/v1/admin/invites", data=wish, headers=shown, timeout=HANGS_S)
        assert answer.status_code == 201
    assert flood(trainer, 1, THERE) == [200]


def test_connections_of_a_flood_wait(tmp_path: Path) -> None:
    """Where no proxy stands between, what an address connects with after a flood is read a while later."""
    with running(tmp_path, "--workers", "0", "--unsigned-per-minute", "1") as trainer:
        asked = b"GET /v1/service HTTP/1.1\r\nHost: t\r\n\r\n"
        for _ in range(3):
            with connect(trainer.url, asked, "127.0.0.2") as connection:
                assert b"HTTP/1.1" in connection.recv(65536)
        with (
            connect(trainer.url, asked, "127.0.0.2") as late,
            connect(trainer.url, asked, "127.0.0.3") as other,
        ):
            assert b"200 OK" in other.recv(65536)
            late.settimeout(2.0)
            with pytest.raises(socket.timeout):
                late.recv(65536)
            late.settimeout(HANGS_S)
            assert b"HTTP/1.1" in late.recv(65536)


def test_who_connects_without_end_is_closed_at_once(tmp_path: Path) -> None:
    """Beyond its share an address gets no connection for a while; others, and proxies, get theirs."""
    with running(tmp_path, "--workers", "0", "--connections-per-minute", "1") as trainer:
        asked = b"GET /v1/service HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"

        def answered(source: str) -> bool:
            try:
                with connect(trainer.url, asked, source) as connection:
                    return b"200 OK" in connection.recv(65536)
            except OSError:
                return False

        assert [answered("127.0.0.2") for _ in range(2)] == [True, False]
        assert answered("127.0.0.3")
        assert all(answered("127.0.0.1") for _ in range(10))
        figures = requests.get(trainer.private_url + "/metrics", timeout=HANGS_S).text
        assert 'quietkeys_connections_ended_total{reason="address"} 1.0' in figures


def test_a_device_is_vouched_for_by_its_last_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is refused has to wait like all others, until it is known again; few are remembered."""
    now = [0.0]
    strangers = Strangers.of(2)
    strangers.allowed.clock = strangers.alive.clock = lambda: now[0]
    here, device = "192.0.2.1", "a" * 32
    strangers.note(here, "", is_known=False, alive=False)
    assert strangers.wait_s(here, device, alive=False) == 30.0
    strangers.note(here, device, is_known=True, alive=False)
    assert strangers.wait_s(here, device, alive=False) == 0.0
    assert strangers.wait_s("192.0.2.2", device, alive=False) <= 0.0
    strangers.note(here, device, is_known=False, alive=False)
    assert strangers.wait_s(here, device, alive=False) == 60.0
    strangers.note(here, "", is_known=True, alive=False)  # the operator
    assert strangers.wait_s(here, "", alive=False) == 60.0
    now[0] = 61.0
    assert strangers.wait_s(here, device, alive=False) <= 0.0
    monkeypatch.setattr(addresses, "MOST_ADDRESSES", 10)
    for number in range(100):
        strangers.note(here, f"{number:032x}", is_known=True, alive=False)
    assert len(strangers._known) == 10


def test_of_ipv6_the_network_counts() -> None:
    """Whoever has one address of a network has 2**64 of them, and one share of the connections."""
    ended: list[object] = []

    class Held:
        def end(self) -> None:
            ended.append(self)

    room = Room(Bounds(most=100, per_address=2))
    held = [Held() for _ in range(5)]
    for number, one in enumerate(held):
        room.enter(cast("Connection", one), f"2001:db8::{number + 1:x}")
    room.enter(cast("Connection", Held()), "2001:db8:0:1::1")
    assert ended == held[:3]


def test_a_gate_costs_next_to_nothing(sized: Callable[[int, int], int]) -> None:
    """Counting an address takes microseconds, so that sending a flood away is cheaper than any answer."""
    strangers, number = Strangers.of(1), sized(20_000, 200_000)
    start = time.process_time()
    for _ in range(number):
        strangers.wait_s("192.0.2.1", "", alive=False)
        strangers.note("192.0.2.1", "", is_known=False, alive=False)
    assert (time.process_time() - start) / number < 1e-3
