"""What an app can show its user: what is left out and why, how far it is to an update, the sync before."""

from __future__ import annotations

import re

import pytest

from quietkeys import ErrorCode, LastSync, Outcome, QuietkeysError, Reason, Step
from tests.sdk.conftest import Rig
from tests.sdk.transports import Unreachable


@pytest.mark.parametrize(
    ("text", "part", "why"),
    [
        ("write to anna@example.com soon", "anna@example.com", Reason.EMAIL),
        ("see www.example.com now", "www.example.com", Reason.ADDRESS),
        ("my password is such a word", " such a word", Reason.SECRET),
        ("your code: XKQJPL", "XKQJPL", Reason.CODE),
        ("call one two three four", "one two three four", Reason.NUMBER),
        ("4111 1111 1111 1111 until may", "4111 1111 1111 1111 until may", Reason.CARD),
        ("it is xqzvkjwpqzx there", "xqzvkjwpqzx", Reason.RANDOM),
        ("about project blue", "project blue", Reason.APP),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(rig: Rig, text: str, part: str, why: Reason) -> None:
    """Where it stands in the line; the app's own patterns as well."""
    with rig.open(redact=(re.compile("project blue"),)) as keyboard:
        found = keyboard.left_out(text)
        assert (text[found[0].start : found[0].end], found[0].why) == (part, why)
        assert len(found) == 1
        assert keyboard.left_out("such a sentence") == ()


def test_readiness_says_how_much_typing_is_missing(rig: Rig) -> None:
    """Words kept aside, how many there have to be, about how many words are left; none when it is enough."""
    with rig.open() as fresh:
        before = fresh.readiness()
    assert (before.kept_aside, before.needed, before.is_ready) == (0, 60, False)
    assert before.words_left > 100
    with rig.open_learned("learned") as keyboard:
        after = keyboard.readiness()
    assert after.is_ready
    assert (after.needed, after.words_left) == (60, 0)


def test_the_last_sync_is_known_after_reopening(rig: Rig) -> None:
    """None at first; then how it ended, or what ended it, and where it was."""
    with rig.open_learned() as keyboard:
        assert keyboard.last_sync() is None
        assert keyboard.sync().outcome is Outcome.APPLIED
    with rig.open() as keyboard:
        last = keyboard.last_sync()
        assert last is not None
        assert (last.outcome, last.error, last.step) == (Outcome.APPLIED, None, Step.JUDGE)
        keyboard.sync(wait_seconds=0.0)
        pending = keyboard.last_sync()
        assert pending is not None
        assert pending.began >= last.began
    with rig.open(transport=Unreachable()) as keyboard:
        with pytest.raises(QuietkeysError):
            keyboard.sync()
        failed = keyboard.last_sync()
        assert failed is not None
        assert (failed.outcome, failed.error) == (None, ErrorCode.TRAINER_UNREACHABLE)


def test_a_sync_that_runs_has_not_ended_yet(rig: Rig) -> None:
    """As it stands on record when the program ends in the middle of it."""
    seen: list[LastSync | None] = []
    with rig.open_learned() as keyboard:
        keyboard.sync(lambda _: seen.append(keyboard.last_sync()))
    steps = [one.step for one in seen if one is not None]
    assert steps[:3] == [Step.ENROL, Step.GENERATE_KEYS, Step.UPLOAD_KEYS]
    assert all(one is not None and (one.outcome, one.error) == (None, None) for one in seen)


def test_a_pending_word_is_told_and_not_listed(rig: Rig) -> None:
    """How often it was kept in how many sessions, and how often it has to be; known words are not pending."""
    with rig.open() as keyboard:
        assert keyboard.vocabulary.pending("zorbly") is None
        keyboard.record("", "zorbly", "zorbly")
        keyboard.record("", "Zorbly", "Zorbly")
        found = keyboard.vocabulary.pending("Zorbly")
        assert found is not None
        assert (found.keeps, found.keeps_needed, found.sessions, found.sessions_needed) == (2, 3, 1, 2)
        assert "zorbly" not in repr(found)
        assert keyboard.vocabulary.pending("sentence") is None
        keyboard.vocabulary.forget("zorbly")
        assert keyboard.vocabulary.pending("zorbly") is None
    with rig.open() as keyboard:
        keyboard.vocabulary.add("zorbly")
        assert keyboard.vocabulary.pending("zorbly") is None
