"""What every trainer answers, the service and the one in memory alike, as the SDK's own client hears it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietkeys.client import TrainerClient
from quietkeys.client_answers import CircleState, KeyState, Mail, Member, Upload
from quietkeys.identity import Identity
from quietkeys.key_upload import upload_keys
from quietkeys.surroundings import Surroundings
from quietkeys.testing import InMemoryTrainer
from quietkeys.testing.fakes import KEY_BYTES, MAGIC, encode_clear, noop_plan_hash
from quietkeys.transport import Body, Request, RequestsTransport, Transport
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_protocol.wire import (
    MAX_CARD_BYTES,
    MAX_KEY_PART_BYTES,
    MAX_PACKAGE_BYTES,
    Report,
    encode_report,
)
from quietkeys_trainer.api import make_api
from quietkeys_trainer.database import migrate
from quietkeys_trainer.service import Service, open_service
from quietkeys_trainer.settings import Settings
from quietkeys_trainer.tidy import tidy
from tests.trainer.fake_engine import PLAN, FakeEngine, wrap

START: Final = 1_700_000_000.0
CLAIM: Final = bytes(range(32))
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to."""

    now: float = START

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass(slots=True)
class Side:
    """One kind of trainer: how to reach it, and what it takes. `clock`: there and on its devices."""

    transport: Transport
    trainer_key: bytes
    plan_hash: str
    keys: Callable[[bytes], bytes]
    values: Callable[[], tuple[bytes, ...]]
    clock: Clock
    tidy: Callable[[], None]

    def stranger(self) -> TrainerClient:
        """A device that the trainer does not know."""
        around = Surroundings(clock=self.clock, sleep=lambda _: None)
        return TrainerClient(Identity.generate(), self.transport, around)

    def device(self) -> TrainerClient:
        """An enrolled device."""
        client = self.stranger()
        assert client.enrol() == self.trainer_key
        return client

    def put_keys(self, device: TrainerClient, folder: Path, name: bytes = b"one") -> str:
        """The id of evaluation keys that are now stored."""
        keys = self.keys(name)
        key_id = hashlib.sha256(keys).hexdigest()
        (folder / key_id).write_bytes(keys)
        upload_keys(device, folder / key_id, key_id)
        return key_id

    def report(self, device: TrainerClient, key_id: str, source: int, sequence: int = 1) -> str:
        """The job of a report of a source, of two."""
        head = (bytes.fromhex(self.plan_hash), bytes.fromhex(key_id), source, 2, sequence)
        return device.post_report(encode_report(Report(*head, self.values())), secrets.token_hex(16))


@contextmanager
def served(service: Service) -> Iterator[str]:
    """The address of a service that runs in a thread."""
    config = uvicorn.Config(make_api(service), port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def in_memory() -> Side:
    """The trainer of `quietkeys.testing`."""
    clock = Clock()
    trainer = InMemoryTrainer(PLAN, polls=10**6, clock=clock)
    return Side(
        transport=trainer,
        trainer_key=trainer.trainer_key,
        plan_hash=noop_plan_hash(PLAN),
        keys=lambda name: MAGIC + name.ljust(KEY_BYTES, b"."),
        values=lambda: tuple(encode_clear(zeros(field.size)) for field in PLAN.report_fields),
        clock=clock,
        tidy=lambda: None,
    )


def zeros(size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """An array of nothing."""
    return np.zeros(size, dtype=np.int64)


@contextmanager
def real(folder: Path) -> Iterator[Side]:
    """The service, over the fake engine and without workers."""
    clock, engine = Clock(), FakeEngine(key_bytes=4096)
    made = Settings(folder / "state", ())
    made.make_folders()
    service = replace(open_service(made, {PLAN.hash: engine}), clock=clock)
    migrate(service.ledger.database)
    with served(service) as url:
        yield Side(
            transport=RequestsTransport(url),
            trainer_key=service.trainer_key.public_key,
            plan_hash=PLAN.hash,
            keys=lambda name: wrap(engine.frames.keys, name),
            values=lambda: tuple(wrap(frame, b"x") for frame in engine.frames.report),
            clock=clock,
            tidy=lambda: tidy(service, clock.now),
        )
    service.ledger.database.dispose()


@pytest.fixture(params=["in memory", "service"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    """Each kind of trainer."""
    if request.param == "in memory":
        yield in_memory()
        return
    with real(tmp_path) as side:
        yield side


def code_of(call: Callable[..., object], *arguments: object) -> ErrorCode:
    """The code of the error that a call raises."""
    with pytest.raises(QuietkeysError) as caught:
        call(*arguments)
    return caught.value.code


def circle_of_two(side: Side) -> tuple[TrainerClient, TrainerClient]:
    """Two devices that share an account."""
    first, second = side.device(), side.device()
    invitation = invite(first)
    assert second.claim(invitation, CLAIM).source == 1
    return first, second


def invite(device: TrainerClient, package: bytes = b"sealed") -> str:
    """The id of an invitation."""
    invitation = secrets.token_hex(16)
    device.invite(invitation, hashlib.sha256(CLAIM).hexdigest(), package)
    return invitation


def id_of(device: TrainerClient) -> str:
    """The id of a device."""
    return device.device_id


def test_the_trainers_key_can_be_asked_for(side: Side) -> None:
    """Anybody gets it, and it is the one that enrolment tells."""
    answer = side.transport.send(Request("GET", "/v1/service", {}, Body.of(b""), 1000))
    assert json.loads(answer.content) == {"trainer_key": base64.b64encode(side.trainer_key).decode()}


def test_a_deletion_is_receipted_and_then_true(side: Side) -> None:
    """The receipt is signed with the key told at enrolment; then the device is unknown, as before."""
    device = side.stranger()
    assert not device.device_exists()
    device.enrol()
    assert device.device_exists()
    receipt = device.delete_device()
    assert receipt.is_signed_by(side.trainer_key)
    assert receipt.deleted_at == int(START)
    assert not device.device_exists()
    assert code_of(device.delete_device) is ErrorCode.DEVICE_UNKNOWN
    assert code_of(device.circle) is ErrorCode.DEVICE_UNKNOWN


def test_keys_arrive_in_parts(side: Side) -> None:
    """Each part moves the upload on, the last one stores the keys, and what comes after changes nothing."""
    device, keys = side.device(), side.keys(b"parts")
    key_id = hashlib.sha256(keys).hexdigest()
    assert device.key_state(key_id) == KeyState(Upload.ABSENT, 0)
    assert device.put_key_part(key_id, 0, Body.of(keys[:1000])) == KeyState(Upload.PARTIAL, 1000)
    assert device.key_state(key_id) == KeyState(Upload.PARTIAL, 1000)
    stored = KeyState(Upload.STORED, len(keys))
    assert device.put_key_part(key_id, 1000, Body.of(keys[1000:])) == stored
    assert device.put_key_part(key_id, 1000, Body.of(keys[1000:])) == stored
    assert device.key_state(key_id) == stored
    assert device.circle().key_id == key_id


def test_a_part_belongs_where_the_upload_ends(side: Side) -> None:
    """Before it, after it, or in an upload that has not begun, it is refused and changes nothing."""
    device, keys = side.device(), side.keys(b"order")
    key_id = hashlib.sha256(keys).hexdigest()
    assert code_of(device.put_key_part, key_id, 7, Body.of(b"x")) is ErrorCode.UPLOAD_OFFSET
    device.put_key_part(key_id, 0, Body.of(keys[:1000]))
    for offset in (0, 999, 1001, 10**12):
        assert code_of(device.put_key_part, key_id, offset, Body.of(b"x")) is ErrorCode.UPLOAD_OFFSET
    assert device.key_state(key_id) == KeyState(Upload.PARTIAL, 1000)


def test_parts_that_cannot_be_are_refused(side: Side) -> None:
    """A part past the plan's size, past a part's size or of nothing is refused; the upload stays as it is."""
    device, keys = side.device(), side.keys(b"sizes")
    key_id = hashlib.sha256(keys).hexdigest()
    assert code_of(device.put_key_part, key_id, 0, Body.of(b"")) is ErrorCode.REQUEST_MALFORMED
    device.put_key_part(key_id, 0, Body.of(keys[:1000]))
    for part in (keys[1000:] + b"x", bytes(MAX_KEY_PART_BYTES + 1)):
        assert code_of(device.put_key_part, key_id, 1000, Body.of(part)) is ErrorCode.BODY_TOO_LARGE
    assert device.key_state(key_id) == KeyState(Upload.PARTIAL, 1000)


def test_keys_of_another_hash_or_frame_are_forgotten(side: Side) -> None:
    """Whole keys that are not what their id says, or not of the plan's frame, are refused and absent."""
    device, keys = side.device(), side.keys(b"wrong")
    other = bytes(len(keys))
    for key_id, content, code in (
        ("0" * 64, keys, ErrorCode.HASH_MISMATCH),
        (hashlib.sha256(other).hexdigest(), other, ErrorCode.FRAMING_CHANGED),
    ):
        device.put_key_part(key_id, 0, Body.of(content[:5]))
        assert code_of(device.put_key_part, key_id, 5, Body.of(content[5:])) is code
        assert device.key_state(key_id) == KeyState(Upload.ABSENT, 0)


def test_an_account_has_one_upload(side: Side) -> None:
    """The first part of other keys takes the place of an upload under way; another account's stays."""
    device, other = side.device(), side.device()
    first, second = "1" * 64, "2" * 64
    for sender in (device, other):
        sender.put_key_part(first, 0, Body.of(b"abc"))
    device.put_key_part(second, 0, Body.of(b"xy"))
    assert device.key_state(first) == KeyState(Upload.ABSENT, 0)
    assert device.key_state(second) == KeyState(Upload.PARTIAL, 2)
    assert other.key_state(first) == KeyState(Upload.PARTIAL, 3)


@shared
@given(cuts=st.lists(st.integers(0, 4200), max_size=5))
def test_keys_cut_anywhere_become_the_same_keys(side: Side, cuts: list[int]) -> None:
    """However many parts of whatever sizes, what is stored is what was sent."""
    device, keys = side.device(), side.keys(b"cut")
    key_id = hashlib.sha256(keys).hexdigest()
    places = sorted({0, len(keys), *(cut for cut in cuts if cut < len(keys))})
    for start, end in itertools.pairwise(places):
        state = device.put_key_part(key_id, start, Body.of(keys[start:end]))
        assert state.received == end
    assert state.state is Upload.STORED


def test_deleted_keys_take_everything_with_them(side: Side, tmp_path: Path) -> None:
    """The keys and every job under them are unknown then, other keys stay; deleting again is fine."""
    device = side.device()
    key_id, other = side.put_keys(device, tmp_path), side.put_keys(device, tmp_path, b"two")
    job, kept = side.report(device, key_id, 0), side.report(device, other, 0)
    for _ in range(2):
        device.delete_keys(key_id)
    assert device.key_state(key_id) == KeyState(Upload.ABSENT, 0)
    assert code_of(device.job_state, job) is ErrorCode.JOB_UNKNOWN
    assert code_of(side.report, device, key_id, 0, 2) is ErrorCode.KEY_UNKNOWN
    assert device.job_state(kept)
    device.put_key_part("3" * 64, 0, Body.of(b"x"))
    device.delete_keys("3" * 64)
    assert device.key_state("3" * 64) == KeyState(Upload.ABSENT, 0)


def test_the_third_key_set_ends_the_first(side: Side, tmp_path: Path) -> None:
    """An account has the key set in use and the one before it."""
    device = side.device()
    ids = []
    for name in (b"one", b"two", b"three"):
        ids.append(side.put_keys(device, tmp_path, name))
        side.clock.now += 1
    states = [device.key_state(key_id).state for key_id in ids]
    assert states == [Upload.ABSENT, Upload.STORED, Upload.STORED]
    assert device.circle().key_id == ids[2]


def test_a_device_is_its_own_circle(side: Side) -> None:
    """Alone at first; it may set a card, and leaving changes nothing."""
    device = side.device()
    assert device.circle() == CircleState((Member(id_of(device), 0, b""),), "")
    device.put_card(b"card")
    device.leave_circle()
    assert device.circle() == CircleState((Member(id_of(device), 0, b"card"),), "")
    assert code_of(device.put_card, bytes(MAX_CARD_BYTES + 1)) is ErrorCode.BODY_TOO_LARGE


def test_an_invited_device_shares_keys_and_jobs(side: Side, tmp_path: Path) -> None:
    """It gets the package and the next source; keys and jobs are both devices' then; what it had is gone."""
    first, second = side.device(), side.device()
    shared_keys, old = side.put_keys(first, tmp_path), side.put_keys(second, tmp_path, b"old")
    old_job = side.report(second, old, 0)
    invitation = invite(first, b"the secret keys, sealed")
    for _ in range(2):
        claimed = second.claim(invitation, CLAIM)
        assert (claimed.package, claimed.source) == (b"the secret keys, sealed", 1)
    members = (Member(id_of(first), 0, b""), Member(id_of(second), 1, b""))
    assert first.circle() == second.circle() == CircleState(members, shared_keys)
    assert second.key_state(shared_keys).state is Upload.STORED
    assert second.key_state(old).state is Upload.ABSENT
    assert code_of(second.job_state, old_job) is ErrorCode.JOB_UNKNOWN
    job = side.report(second, shared_keys, 1)
    assert first.job_state(job) is second.job_state(job)


def test_three_wrong_claims_end_an_invitation(side: Side) -> None:
    """Two are refused, also from different devices, and do not count against another invitation."""
    inviter, one, two = side.device(), side.device(), side.device()
    invitation, other = invite(inviter), invite(inviter)
    for device in (one, two, one):
        assert code_of(device.claim, invitation, bytes(32)) is ErrorCode.INVITATION_REFUSED
    assert code_of(one.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    for _ in range(2):
        assert code_of(one.claim, other, bytes(32)) is ErrorCode.INVITATION_REFUSED
    assert one.claim(other, CLAIM).source == 1


def test_an_invitation_is_for_one_device(side: Side) -> None:
    """Once it was used it is unknown to everybody else, and no member can use it."""
    first, second = circle_of_two(side)
    invitation = invite(second)
    assert code_of(first.claim, invitation, CLAIM) is ErrorCode.INVITATION_REFUSED
    third, fourth = side.device(), side.device()
    assert third.claim(invitation, CLAIM).source == 2
    assert code_of(fourth.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    assert len(first.circle().members) == 3


def test_an_invitation_lasts_a_quarter_of_an_hour(side: Side) -> None:
    """A second before it is over it is good, then it is unknown."""
    inviter, early, late = side.device(), side.device(), side.device()
    first, second = invite(inviter), invite(inviter)
    side.clock.now += 899
    early.claim(first, CLAIM)
    side.clock.now += 1
    side.tidy()
    assert code_of(late.claim, second, CLAIM) is ErrorCode.INVITATION_UNKNOWN


def test_a_circle_has_four_open_invitations(side: Side) -> None:
    """A fifth waits until one is over; repeating one is none; another's id is nobody else's."""
    inviter, other = side.device(), side.device()
    invitation = invite(inviter)
    inviter.invite(invitation, hashlib.sha256(CLAIM).hexdigest(), b"sealed")
    for _ in range(3):
        invite(inviter)
    assert code_of(invite, inviter) is ErrorCode.INVITATIONS_FULL
    taken = (invitation, hashlib.sha256(CLAIM).hexdigest(), b"mine")
    for device in (inviter, other):
        assert code_of(device.invite, *taken) is ErrorCode.REQUEST_MALFORMED
    invite(other)
    side.clock.now += 900
    invite(inviter)


def test_a_circle_has_eight_devices(side: Side) -> None:
    """The ninth is told so, and a free source is given again."""
    first = side.device()
    members = [side.device() for _ in range(7)]
    for number, member in enumerate(members):
        assert member.claim(invite(first), CLAIM).source == number + 1
    ninth = side.device()
    invitation = invite(first)
    assert code_of(ninth.claim, invitation, CLAIM) is ErrorCode.CIRCLE_FULL
    first.remove_member(id_of(members[2]))
    assert ninth.claim(invite(first), CLAIM).source == 3


@pytest.mark.parametrize("leaver", ["itself", "another"])
def test_who_leaves_takes_nothing_and_leaves_nothing(side: Side, tmp_path: Path, leaver: str) -> None:
    """It finds an empty account; its jobs are gone, the others' and the keys stay; invitations are over."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(first, tmp_path)
    kept, gone = side.report(first, key_id, 0), side.report(second, key_id, 1)
    second.put_card(b"card")
    first.put_mail(id_of(second), b"to it")
    second.put_mail(id_of(first), b"from it")
    invitation = invite(second)
    for _ in range(2):
        if leaver == "itself":
            second.leave_circle()
        else:
            first.remove_member(id_of(second))
    assert second.circle() == CircleState((Member(id_of(second), 0, b""),), "")
    assert first.circle() == CircleState((Member(id_of(first), 0, b""),), key_id)
    for device in (first, second):
        assert code_of(device.job_state, gone) is ErrorCode.JOB_UNKNOWN
        assert device.mail() is None
    assert first.job_state(kept)
    assert code_of(second.job_state, kept) is ErrorCode.JOB_UNKNOWN
    assert code_of(second.claim, invitation, CLAIM) is ErrorCode.INVITATION_UNKNOWN
    assert second.key_state(key_id).state is Upload.ABSENT


def test_a_deleted_member_leaves_the_circle_standing(side: Side, tmp_path: Path) -> None:
    """What it sent is gone, the keys and the others' jobs stay until the last one is deleted."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(second, tmp_path)
    gone, kept = side.report(first, key_id, 0), side.report(second, key_id, 1)
    assert first.delete_device().is_signed_by(side.trainer_key)
    assert second.circle() == CircleState((Member(id_of(second), 1, b""),), key_id)
    assert code_of(second.job_state, gone) is ErrorCode.JOB_UNKNOWN
    assert second.job_state(kept)
    second.delete_device()
    second.enrol()
    assert second.circle() == CircleState((Member(id_of(second), 0, b""),), "")


def test_mail_waits_until_it_is_dropped(side: Side) -> None:
    """The oldest first, the latest of each sender; dropping one leaves what came since."""
    first, second = circle_of_two(side)
    third = side.device()
    third.claim(invite(first), CLAIM)
    second.put_mail(id_of(first), b"outdated")
    side.clock.now += 1
    third.put_mail(id_of(first), b"from the third")
    side.clock.now += 1
    read = first.mail()
    assert read == Mail(id_of(second), b"outdated")
    second.put_mail(id_of(first), b"newer")
    first.drop_mail(read)
    for expected in (Mail(id_of(third), b"from the third"), Mail(id_of(second), b"newer")):
        for _ in range(2):
            assert first.mail() == expected
        first.drop_mail(expected)
    assert first.mail() is None
    too_large = bytes(MAX_PACKAGE_BYTES + 1)
    assert code_of(second.put_mail, id_of(first), too_large) is ErrorCode.BODY_TOO_LARGE


def test_the_largest_packages_arrive(side: Side) -> None:
    """Mail, invitations and cards of the size that is allowed come back whole."""
    first, second = side.device(), side.device()
    package = secrets.token_bytes(MAX_PACKAGE_BYTES)
    assert second.claim(invite(first, package), CLAIM).package == package
    second.put_mail(id_of(first), package)
    assert first.mail() == Mail(id_of(second), package)
    first.put_card(package[:MAX_CARD_BYTES])
    assert second.circle().members[0].card == package[:MAX_CARD_BYTES]


def test_another_circle_is_not_there(side: Side, tmp_path: Path) -> None:
    """A stranger to it finds no member, mail, key or job of it, as if there were none."""
    first, second = circle_of_two(side)
    key_id = side.put_keys(first, tmp_path)
    job = side.report(first, key_id, 0)
    first.put_mail(id_of(second), b"private")
    other = side.device()
    nobody = "0" * 32
    for member in (id_of(second), nobody):
        assert code_of(other.put_mail, member, b"x") is ErrorCode.MEMBER_UNKNOWN
        other.remove_member(member)
    other.drop_mail(Mail(id_of(first), b"private"))
    other.delete_keys(key_id)
    for asked in (job, nobody):
        assert code_of(other.job_state, asked) is ErrorCode.JOB_UNKNOWN
    assert other.key_state(key_id) == KeyState(Upload.ABSENT, 0)
    assert code_of(side.report, other, key_id, 0) is ErrorCode.KEY_UNKNOWN
    assert code_of(other.put_key_part, key_id, 5, Body.of(b"x")) is ErrorCode.UPLOAD_OFFSET
    assert other.mail() is None
    assert second.mail() == Mail(id_of(first), b"private")
    assert first.key_state(key_id).state is Upload.STORED
    assert len(first.circle().members) == 2
