"""JSON bodies: what they look like on the wire, and that whatever else comes is refused."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from quietkeys_protocol import messages
from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES, MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, TryAgain, Untrusted
from quietkeys_protocol.json_bodies import AnswerBody, Body, RequestBody
from quietkeys_protocol.messages import (
    Circle,
    Claim,
    Claimed,
    Enrolled,
    Enrolment,
    Failure,
    Health,
    Invitation,
    Invite,
    Invited,
    InviteWish,
    JobProgress,
    JobState,
    KeyState,
    KnownDevice,
    Mail,
    Member,
    Problem,
    Receipt,
    ReportAccepted,
    ServiceKey,
    UploadState,
)
from quietkeys_protocol.plan import MAX_BLOCKS
from quietkeys_protocol.signing import device_id_of

ID, HASH = "0123456789abcdef" * 2, "0123456789abcdef" * 4
KEY = bytes(range(32))
KEY_TEXT = base64.b64encode(KEY).decode()
MEMBER = Member(ID, 1, b"card")

# Each body, and its fields as they cross the wire, in their order.
EXAMPLES: list[tuple[Body, dict[str, Any]]] = [
    (Enrolment(KEY), {"public_key": KEY_TEXT}),
    (Enrolment(KEY, "token"), {"public_key": KEY_TEXT, "invite": "token"}),
    (Invitation(ID, HASH, b"p"), {"invitation_id": ID, "claim_sha256": HASH, "package": "cA=="}),
    (Claim(KEY), {"claim": KEY.hex()}),
    (InviteWish(3, 30), {"uses": "3", "days": "30"}),
    (ServiceKey(KEY), {"trainer_key": KEY_TEXT}),
    (Enrolled(ID, KEY), {"device_id": ID, "trainer_key": KEY_TEXT}),
    (KnownDevice(ID), {"device_id": ID}),
    (
        Receipt(ID, 17, ID, bytes(64)),
        {"device_id": ID, "deleted_at": "17", "nonce": ID, "signature": "A" * 86 + "=="},
    ),
    (KeyState(HASH, UploadState.ABSENT, 0), {"key_id": HASH, "state": "absent", "received": "0"}),
    (KeyState(HASH, UploadState.STORED, 9), {"key_id": HASH, "state": "stored", "received": "9"}),
    (ReportAccepted(ID), {"job_id": ID}),
    (JobProgress(ID, JobState.RUNNING, 2), {"job_id": ID, "state": "running", "blocks_done": "2"}),
    (MEMBER, {"device_id": ID, "source": "1", "card": "Y2FyZA=="}),
    (
        Circle((MEMBER,), ""),
        {"members": [{"device_id": ID, "source": "1", "card": "Y2FyZA=="}], "key_id": ""},
    ),
    (Invited(ID), {"invitation_id": ID}),
    (Claimed(b"", 7), {"package": "", "source": "7"}),
    (Mail(ID, b"p"), {"sender": ID, "package": "cA=="}),
    (Invite("tök"), {"invite": "tök"}),
    (Health("ok"), {"status": "ok"}),
    (Problem(ErrorCode.JOB_FAILED, "m", "a"), {"code": "job_failed", "message": "m", "advice": "a"}),
    (
        Failure(Problem(ErrorCode.JOB_FAILED, "m", "a")),
        {"error": {"code": "job_failed", "message": "m", "advice": "a"}},
    ),
]
BODIES = sorted({type(body) for body, _ in EXAMPLES}, key=lambda kind: kind.__name__)


def refusal(kind: type[Body], content: bytes) -> QuietkeysError:
    """The error that these bytes raise, of the class and code that its side gets."""
    with pytest.raises(QuietkeysError) as caught:
        kind.parse(content)
    error = caught.value
    if issubclass(kind, RequestBody):
        assert isinstance(error, Refused) and error.code is ErrorCode.REQUEST_MALFORMED
    else:
        assert isinstance(error, Untrusted) and error.code is ErrorCode.TRAINER_GARBLED
    return error


def test_there_is_an_example_of_every_body() -> None:
    """None is left out of what follows."""
    found = {kind for kind in vars(messages).values() if isinstance(kind, type) and issubclass(kind, Body)}
    assert found - {RequestBody, AnswerBody} == set(BODIES)


@pytest.mark.parametrize(("body", "fields"), EXAMPLES)
def test_a_body_is_written_in_one_way_and_reads_back(body: Body, fields: dict[str, Any]) -> None:
    """No spaces, fields in their order, numbers as decimal text; with spaces it reads the same."""
    spelt = body.to_json()
    assert spelt == json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    assert type(body).parse(spelt) == body
    assert type(body).parse(json.dumps(fields, indent=1).encode()) == body
    Draft202012Validator(type(body).schema()).validate(fields)


@pytest.mark.parametrize(("body", "fields"), EXAMPLES)
def test_a_body_has_these_fields_once_each_and_no_others(body: Body, fields: dict[str, Any]) -> None:
    """One more, one less, one twice, one of another type: refused, and by the schema too where it can."""
    kind, schema = type(body), Draft202012Validator(type(body).schema())
    wrong: list[dict[str, Any]] = [fields | {"more": "x"}, {}]
    for name in fields:
        wrong += [fields | {name: other} for other in (None, 1, 1.5, True, {}, {"x": "y"})]
        if name != "invite" or kind is Invite:
            wrong.append({other: value for other, value in fields.items() if other != name})
        twice = body.to_json().replace(b"{", f'{{"{name}":{json.dumps(fields[name])},'.encode(), 1)
        refusal(kind, twice)
    for tree in wrong:
        refusal(kind, json.dumps(tree).encode())
        assert not schema.is_valid(tree)
    written = body.to_json().decode()
    for content in (
        *(written.encode(other) for other in ("utf-8-sig", "utf-16", "utf-32")),
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff",
        b"[" * 100_000,
        body.to_json() + b"x",
    ):
        refusal(kind, content)


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        (KnownDevice, "device_id", [ID.upper(), ID[:-1], ID + "0", ID + "\n", "", "é" * 32]),
        (KeyState, "key_id", ["", HASH[:-1], HASH.upper()]),
        (KeyState, "received", ["00", "-1", "+1", "1e3", "1.0", " 1", "١", "", str(2**40 + 1), "9" * 5000]),
        (KeyState, "state", ["", "STORED", "done"]),
        (JobProgress, "blocks_done", [str(MAX_BLOCKS + 1), "01"]),
        (JobProgress, "state", ["sleeping"]),
        (Receipt, "deleted_at", ["0", "017", "1" + "0" * 12]),
        (Receipt, "signature", ["A" * 86, "A" * 84 + "B=", "A" * 85 + "B==", "AAAA"]),
        (Enrolment, "public_key", ["A" * 42 + "B=", "A" * 43, "AAAA", ""]),
        (Invitation, "package", ["cA", "cA=", "cA==\n", "c A=", "cB=="]),
        (Invite, "invite", ["\ud800"]),
        (InviteWish, "uses", ["0", "1000000", "-1"]),
        (Claim, "claim", [KEY.hex().upper(), KEY.hex()[:-2]]),
        (Claimed, "source", [str(MAX_SOURCES)]),
        (Problem, "code", ["nonsense", "profile_damaged"]),
        (Health, "status", ["fine"]),
    ],
)
def test_a_value_has_one_spelling_within_its_bounds(kind: type[Body], field: str, values: list[str]) -> None:
    """Whatever else is refused, and the field is named, never what stood in it."""
    fields = next(found for body, found in reversed(EXAMPLES) if type(body) is kind)
    for value in values:
        error = refusal(kind, json.dumps(fields | {field: value}).encode())
        assert error.detail == field
        assert error.__cause__ is None


def test_sealed_bytes_are_bounded() -> None:
    """A card and a package may be as large as the limits say, and no larger."""
    assert Mail.parse(Mail(ID, bytes(MAX_PACKAGE_BYTES)).to_json()).package == bytes(MAX_PACKAGE_BYTES)
    refusal(Mail, Mail(ID, bytes(MAX_PACKAGE_BYTES + 1)).to_json())
    refusal(Member, Member(ID, 0, bytes(MAX_CARD_BYTES + 1)).to_json())
    largest = Invitation(ID, HASH, bytes(MAX_PACKAGE_BYTES)).to_json()
    assert len(largest) <= Invitation.MAX_BYTES


def test_a_body_that_contradicts_itself_is_none() -> None:
    """Bytes of keys that are absent, none of stored ones; a circle out of order, empty, or too large."""
    for state, received in (("absent", "1"), ("partial", "0"), ("stored", "0")):
        refusal(KeyState, json.dumps({"key_id": HASH, "state": state, "received": received}).encode())
    for sources in ((), (1, 1), (1, 0), tuple(range(9))):
        members = [{"device_id": ID, "source": str(source), "card": ""} for source in sources]
        refusal(Circle, json.dumps({"members": members, "key_id": ""}).encode())


@pytest.mark.parametrize("kind", BODIES)
@given(content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(kind: type[Body], content: bytes) -> None:
    """Nothing but our errors is raised, whatever comes."""
    with suppress(QuietkeysError):
        kind.parse(content)


def test_nothing_sealed_or_secret_is_shown() -> None:
    """Packages, cards, claims and invites are in no repr."""
    shown = repr([body for body, _ in EXAMPLES])
    for secret in ("token", "tök", "package", "card=", "claim="):
        assert secret not in shown


def test_the_key_of_an_enrolment_is_found_by_its_hash() -> None:
    """Wherever it stands, among other text of its form, and whatever surrounds it; nothing else is."""
    device_id = device_id_of(KEY)
    other = base64.b64encode(bytes(32)).decode()
    for content in (Enrolment(KEY, other).to_json(), f'[[{{"{other}":"{KEY_TEXT}"\xff'.encode("latin-1")):
        assert Enrolment.key_in(content, device_id) == KEY
        assert Enrolment.key_in(content, "0" * 32) is None
    assert Enrolment.key_in(b"", device_id) is None
    assert Enrolment.key_in(f'"{KEY_TEXT[:-1]}"'.encode(), device_id) is None


def test_a_code_is_found_in_whatever_a_trainer_says() -> None:
    """The code alone is read, leniently: a later trainer may say more; what is no code is None."""
    assert Failure.code_in(Failure.of(TryAgain(ErrorCode.TRAINER_BUSY)).to_json()) is ErrorCode.TRAINER_BUSY
    assert Failure.code_in(b'{"error": {"code": "job_failed", "more": 1}, "x": []}') is ErrorCode.JOB_FAILED
    for nothing in (
        b"",
        b"[]",
        b"{}",
        b'{"error": 1}',
        b'{"error": {"code": []}}',
        b'{"error": {"code": "x"}}',
    ):
        assert Failure.code_in(nothing) is None
