"""Devices and evaluation keys: what the service and the trainer in memory answer alike."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietkeys import DeletionReceipt
from quietkeys.remote.http import Body, Request
from quietkeys_protocol.containers import MAX_KEY_PART_BYTES
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import KeyState, UploadState
from tests.trainer.sides import START, Side, code_of

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)


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
    assert DeletionReceipt.of(receipt, "", side.trainer_key).is_signed_by(side.trainer_key)
    assert receipt.deleted_at == int(START)
    assert not device.device_exists()
    assert code_of(device.circle) is ErrorCode.DEVICE_UNKNOWN


def test_a_receipt_is_given_again(side: Side) -> None:
    """Whose answer was lost asks again, and needs neither an invite nor to be known; also who never was."""
    for device in (side.device(), side.stranger()):
        receipts = [device.delete_device() for _ in range(2)]
        assert all(DeletionReceipt.of(one, "", side.trainer_key) for one in receipts)
        assert receipts[0].nonce != receipts[1].nonce
        assert not device.device_exists()


def test_a_device_that_had_itself_deleted_does_not_come_back(side: Side) -> None:
    """Its identity, on a copy of its profile, enrols nobody; a new identity does."""
    device = side.device()
    device.delete_device()
    assert code_of(device.enrol) is ErrorCode.DEVICE_DELETED
    assert not device.device_exists()
    assert side.stranger().enrol() == side.trainer_key


def test_keys_arrive_in_parts(side: Side) -> None:
    """Each part moves the upload on, the last one stores the keys, and what comes after changes nothing."""
    device, keys = side.device(), side.keys(b"parts")
    key_id = hashlib.sha256(keys).hexdigest()
    assert device.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)
    assert device.put_key_part(key_id, 0, Body.of(keys[:1000])) == KeyState(key_id, UploadState.PARTIAL, 1000)
    assert device.key_state(key_id) == KeyState(key_id, UploadState.PARTIAL, 1000)
    stored = KeyState(key_id, UploadState.STORED, len(keys))
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
    assert device.key_state(key_id) == KeyState(key_id, UploadState.PARTIAL, 1000)


def test_parts_that_cannot_be_are_refused(side: Side) -> None:
    """A part past the plan's size, past a part's size or of nothing is refused; the upload stays as it is."""
    device, keys = side.device(), side.keys(b"sizes")
    key_id = hashlib.sha256(keys).hexdigest()
    assert code_of(device.put_key_part, key_id, 0, Body.of(b"")) is ErrorCode.REQUEST_MALFORMED
    device.put_key_part(key_id, 0, Body.of(keys[:1000]))
    for part in (keys[1000:] + b"x", bytes(MAX_KEY_PART_BYTES + 1)):
        assert code_of(device.put_key_part, key_id, 1000, Body.of(part)) is ErrorCode.BODY_TOO_LARGE
    assert device.key_state(key_id) == KeyState(key_id, UploadState.PARTIAL, 1000)


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
        assert device.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)


def test_an_account_has_one_upload(side: Side) -> None:
    """The first part of other keys takes the place of an upload under way; another account's stays."""
    device, other = side.device(), side.device()
    first, second = "1" * 64, "2" * 64
    for sender in (device, other):
        sender.put_key_part(first, 0, Body.of(b"abc"))
    device.put_key_part(second, 0, Body.of(b"xy"))
    assert device.key_state(first) == KeyState(first, UploadState.ABSENT, 0)
    assert device.key_state(second) == KeyState(second, UploadState.PARTIAL, 2)
    assert other.key_state(first) == KeyState(first, UploadState.PARTIAL, 3)


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
    assert state.state is UploadState.STORED


def test_deleted_keys_take_everything_with_them(side: Side, tmp_path: Path) -> None:
    """The keys and every job under them are unknown then, other keys stay; deleting again is fine."""
    device = side.device()
    key_id, other = side.put_keys(device, tmp_path), side.put_keys(device, tmp_path, b"two")
    job, kept = side.report(device, key_id, 0), side.report(device, other, 0)
    for _ in range(2):
        device.delete_keys(key_id)
    assert device.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)
    assert code_of(device.job, job) is ErrorCode.JOB_UNKNOWN
    assert code_of(side.report, device, key_id, 0, 2) is ErrorCode.KEY_UNKNOWN
    assert device.job(kept).state
    device.put_key_part("3" * 64, 0, Body.of(b"x"))
    device.delete_keys("3" * 64)
    assert device.key_state("3" * 64) == KeyState("3" * 64, UploadState.ABSENT, 0)


def test_the_third_key_set_ends_the_first(side: Side, tmp_path: Path) -> None:
    """An account has the key set in use and the one before it."""
    device = side.device()
    ids = []
    for name in (b"one", b"two", b"three"):
        ids.append(side.put_keys(device, tmp_path, name))
        side.clock.now += 1
    states = [device.key_state(key_id).state for key_id in ids]
    assert states == [UploadState.ABSENT, UploadState.STORED, UploadState.STORED]
    assert device.circle().key_id == ids[2]
