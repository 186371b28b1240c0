"""Keys and reports, whatever the engine: what becomes an update, and what is refused, over HTTP."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from quietkeys_protocol.containers import MAX_KEY_PART_BYTES, MAX_REPORT_BYTES, decode_update, encode_report
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.framing import Frame
from tests.trainer.conftest import Rig
from tests.trainer.device import code

UNKNOWN = "0" * 32


def flip(value: bytes, where: int) -> bytes:
    """The value with one bit changed."""
    changed = bytearray(value)
    changed[where] ^= 1
    return bytes(changed)


def test_a_report_becomes_an_update(rig: Rig) -> None:
    """Upload keys and a report, wait, fetch the update: it names plan, keys and job."""
    device = rig.ready_device()
    keys = rig.keys
    answer = device.post(device.report(rig.plan.hash, keys, rig.values(1)))
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    assert answer.json() == {"job_id": job_id}
    assert device.wait(job_id, "done", "failed") == "done"
    assert device.send("GET", f"/v1/jobs/{job_id}").json() == {
        "job_id": job_id,
        "state": "done",
        "blocks_done": str(len(rig.plan.blocks)),
    }
    update = decode_update(device.update(job_id).content)
    assert update.plan_hash.hex() == rig.plan.hash
    assert update.key_id.hex() == device.key_id(keys)
    assert update.job_id.hex() == job_id
    assert len(update.ciphertexts) == len(rig.plan.update_fields)


def test_two_sources_are_added(rig: Rig) -> None:
    """A job on the reports of two sources is done, and is another one than on the first alone."""
    device = rig.ready_device()
    keys = rig.keys
    alone = device.post(device.report(rig.plan.hash, keys, rig.values(1), sources=2)).json()["job_id"]
    assert device.wait(alone, "done", "failed") == "done"
    second = device.report(rig.plan.hash, keys, rig.values(2), source=1, sources=2)
    joined = device.post(second).json()["job_id"]
    assert device.wait(joined, "done", "failed") == "done"
    updates = [decode_update(device.update(job_id).content).ciphertexts for job_id in (alone, joined)]
    assert updates[0] != updates[1]


def test_keys_are_stored_once(rig: Rig) -> None:
    """Parts of keys that are stored change nothing; another device's keys of the same bytes are its own."""
    device, other = rig.ready_device(), rig.device()
    stored = ("stored", len(rig.keys))
    assert device.key_state(rig.keys) == stored
    assert device.put_part(device.key_id(rig.keys), 5, b"x").json()["state"] == "stored"
    assert other.key_state(rig.keys) == ("absent", 0)
    assert other.put_keys(rig.keys).json()["state"] == "stored"
    assert other.key_state(rig.keys) == device.key_state(rig.keys) == stored


def edges(frame: Frame) -> set[int]:
    """The first and last byte of everything in a frame that never changes, and one between."""
    return {
        place
        for literal in frame.literals
        for place in (literal.offset, (literal.offset + literal.end) // 2, literal.end - 1)
    }


def test_keys_with_changed_framing_are_refused(rig: Rig) -> None:
    """One changed bit in any fixed part of the keys is refused before anything parses them."""
    device, places = rig.device(), sorted(edges(rig.frames.keys))
    for where in {places[0], places[-1], *places[:: 1 + len(places) // 6]}:
        keys = flip(rig.keys, where)
        assert code(device.put_keys(keys)) == (422, ErrorCode.FRAMING_CHANGED), where
    report = device.report(rig.plan.hash, rig.keys, rig.values(1))
    assert code(device.post(report)) == (404, ErrorCode.KEY_UNKNOWN)


@pytest.mark.parametrize("keys", [b"x", b"short"])
def test_keys_of_another_size_are_never_stored(rig: Rig, keys: bytes) -> None:
    """Too few bytes stay an upload under way, and no report can name them."""
    device = rig.device()
    assert device.put_keys(keys).json()["state"] == "partial"
    report = device.report(rig.plan.hash, keys, rig.values(1))
    assert code(device.post(report)) == (404, ErrorCode.KEY_UNKNOWN)


def test_truncated_and_larger_keys_are_refused(rig: Rig) -> None:
    """A byte less waits for its last, a byte more is too large, as a full key set would be."""
    device, keys = rig.device(), rig.keys
    assert device.put_keys(keys[:-1]).json()["state"] == "partial"
    for more in (b"x", bytes(23_000)):
        assert code(device.put_keys(keys + more)) == (413, ErrorCode.BODY_TOO_LARGE)


def test_keys_are_what_their_id_says(rig: Rig) -> None:
    """Whole keys whose hash is not their id are refused and forgotten."""
    device, part = rig.device(), MAX_KEY_PART_BYTES
    announced = hashlib.sha256(b"something else").hexdigest()
    answers = [
        device.put_part(announced, offset, rig.keys[offset : offset + part])
        for offset in range(0, len(rig.keys), part)
    ]
    assert code(answers[-1]) == (422, ErrorCode.HASH_MISMATCH)
    assert device.send("GET", f"/v1/keys/{announced}").json()["state"] == "absent"


def test_keys_of_another_version_are_refused_at_once(rig: Rig) -> None:
    """The first part says it: nobody sends the rest in vain."""
    device = rig.device()
    for start in (b"QKE2", b"QKE0 and what follows"):
        assert code(device.put_part("0" * 64, 0, start)) == (400, ErrorCode.VERSION_UNSUPPORTED)
    assert device.send("GET", f"/v1/keys/{'0' * 64}").json()["state"] == "absent"


@pytest.mark.parametrize("key_id", ["x", "A" * 64, "..%2f" * 5, "0" * 63])
def test_a_key_id_is_a_hash(rig: Rig, key_id: str) -> None:
    """Anything else in its place is malformed."""
    device = rig.device()
    for answer in (device.put_part(key_id, 0, b"x"), device.send("GET", f"/v1/keys/{key_id}")):
        assert code(answer)[0] in {400, 404}


@pytest.mark.parametrize("offset", ["-1", "01", "x", "1e3", "9" * 40])
def test_an_offset_is_a_number(rig: Rig, offset: str) -> None:
    """Another spelling of where a part belongs is malformed."""
    answer = rig.device().send("PUT", f"/v1/keys/{'0' * 64}/parts/{offset}", b"x")
    assert code(answer) == (400, ErrorCode.REQUEST_MALFORMED)


def test_values_with_changed_framing_are_refused(rig: Rig) -> None:
    """One changed bit in any fixed part of any value is refused before anything parses it."""
    device, values = rig.ready_device(), rig.values(1)
    for index in range(len(values)):
        for where in edges(rig.frames.report[index]):
            changed = [*values[:index], flip(values[index], where), *values[index + 1 :]]
            report = device.report(rig.plan.hash, rig.keys, changed)
            assert code(device.post(report)) == (422, ErrorCode.FRAMING_CHANGED), (index, where)


def test_payloads_of_any_kind_harm_nobody(rig: Rig) -> None:
    """Values whose framing is right and whose payload is not end their job, and the next is done."""
    device = rig.ready_device()
    for noise in (0xFF, 0x00):
        values = [blank(frame, noise) for frame in rig.frames.report]
        job_id = device.post(device.report(rig.plan.hash, rig.keys, values)).json()["job_id"]
        assert device.wait(job_id, "done", "failed") in {"done", "failed"}
    job_id = device.post(device.report(rig.plan.hash, rig.keys, rig.values(1))).json()["job_id"]
    assert device.wait(job_id, "done", "failed") == "done"


def blank(frame: Frame, filling: int) -> bytes:
    """A value of a frame whose every payload byte is the same."""
    value = bytearray([filling]) * frame.size
    for literal in frame.literals:
        value[literal.offset : literal.end] = literal.content
    return bytes(value)


def test_values_of_other_sizes_numbers_and_orders_are_refused(rig: Rig) -> None:
    """A report holds the plan's values, in its order, each of its size."""
    device, values = rig.ready_device(), rig.values(1)
    longer = [values[0] + b"x", *values[1:]]
    shorter = [values[0][:-1], *values[1:]]
    for changed in (longer, shorter, values[:-1], (*values, values[0]), (values[1], values[0], *values[2:])):
        report = device.report(rig.plan.hash, rig.keys, changed)
        assert code(device.post(report)) == (422, ErrorCode.FRAMING_CHANGED)
    more = device.report(rig.plan.hash, rig.keys, values, sources=rig.plan.sources)
    assert device.post(more).status_code == 202


def test_more_sources_than_the_plan_adds_are_refused(rig: Rig) -> None:
    """A report for more sources than the plan has room for would leave its field."""
    if rig.plan.sources == 8:
        pytest.skip("this plan takes as many as a report can name")
    device = rig.ready_device()
    report = device.report(rig.plan.hash, rig.keys, rig.values(1), sources=rig.plan.sources + 1)
    assert code(device.post(report)) == (422, ErrorCode.FRAMING_CHANGED)


def test_a_report_for_an_unknown_plan_is_refused(rig: Rig) -> None:
    """The plan's absence is said, whatever the keys are."""
    device = rig.ready_device()
    report = device.report("5" * 64, rig.keys, rig.values(1))
    assert code(device.post(report)) == (404, ErrorCode.PLAN_UNKNOWN)


def test_a_report_under_another_devices_keys_is_refused(rig: Rig) -> None:
    """Another device's keys are unknown, as are keys that nobody stored."""
    rig.ready_device()
    stranger = rig.device()
    for keys in (rig.keys, b"nobody's"):
        report = stranger.report(rig.plan.hash, keys, rig.values(1))
        assert code(stranger.post(report)) == (404, ErrorCode.KEY_UNKNOWN)


def test_the_same_report_again_is_the_same_job(rig: Rig) -> None:
    """An attempt whose answer was lost can be repeated under its idempotency key."""
    device, idempotency_key = rig.ready_device(), secrets.token_hex(16)
    report = device.report(rig.plan.hash, rig.keys, rig.values(1))
    first = device.post(report, idempotency_key).json()
    again = device.post(report, idempotency_key)
    assert (again.status_code, again.json()) == (202, first)
    device.wait(first["job_id"], "done")
    assert device.post(report, idempotency_key).json() == first


def test_another_report_under_a_used_idempotency_key_is_refused(rig: Rig) -> None:
    """One key stands for one report."""
    device, idempotency_key = rig.ready_device(), secrets.token_hex(16)
    device.post(device.report(rig.plan.hash, rig.keys, rig.values(1)), idempotency_key)
    other = device.report(rig.plan.hash, rig.keys, rig.values(2))
    assert code(device.post(other, idempotency_key)) == (409, ErrorCode.IDEMPOTENCY_CONFLICT)


def test_a_replayed_sequence_number_is_refused(rig: Rig) -> None:
    """A report that is not newer than the last of its source is refused under a new idempotency key."""
    device = rig.ready_device()
    report = device.report(rig.plan.hash, rig.keys, rig.values(1), sequence=9)
    assert device.post(report).status_code == 202
    for sequence in (9, 8):
        older = device.report(rig.plan.hash, rig.keys, rig.values(2), sequence=sequence)
        assert code(device.post(older)) == (409, ErrorCode.SEQUENCE_REPLAYED)
    assert code(device.post(report)) == (409, ErrorCode.SEQUENCE_REPLAYED)


def test_a_report_needs_an_idempotency_key(rig: Rig) -> None:
    """Without one, with a malformed one or with two the request is malformed."""
    device = rig.ready_device()
    body = encode_report(device.report(rig.plan.hash, rig.keys, rig.values(1)))
    for headers in ({}, {"QK-Idempotency-Key": "x"}, {"QK-Idempotency-Key": "A" * 32}):
        answer = device.send("POST", "/v1/reports", body, headers)
        assert code(answer) == (400, ErrorCode.REQUEST_MALFORMED)


def test_a_truncated_report_is_refused(rig: Rig) -> None:
    """Cut off anywhere, or with a byte more, it is no container."""
    device = rig.ready_device()
    whole = encode_report(device.report(rig.plan.hash, rig.keys, rig.values(1)))
    for body in (b"", whole[:40], whole[:81], whole[:-1], whole + b"x"):
        assert code(device.post(body)) == (400, ErrorCode.CONTAINER_MALFORMED)


def test_an_oversized_report_is_refused(rig: Rig) -> None:
    """More than a report may be is not read to its end."""
    device = rig.ready_device()
    for size in (MAX_REPORT_BYTES + 1, MAX_REPORT_BYTES + 100_000):
        assert code(device.post(bytes(size))) == (413, ErrorCode.BODY_TOO_LARGE)


def test_a_later_version_of_the_container_says_upgrade(rig: Rig) -> None:
    """A container that this version does not know yet is not called malformed."""
    device = rig.ready_device()
    whole = encode_report(device.report(rig.plan.hash, rig.keys, rig.values(1)))
    assert code(device.post(b"QKR2" + whole[4:])) == (400, ErrorCode.VERSION_UNSUPPORTED)
