"""Keys: how old they are, how they are replaced, what becomes of the old ones, when they are uploaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from quietkeys import Outcome, Personalizer, Progress, Step, TryAgain
from quietkeys.environment import Environment
from quietkeys.profile.settings import KEYS_CREATED, KEYS_RETIRED
from quietkeys.profile.store import Store
from quietkeys.remote.http import Answer, Request
from quietkeys.sync.keys.life import DAY_S, KeyLife
from quietkeys.testing import InMemoryTrainer
from quietkeys_protocol.errors import ErrorCode, Untrusted
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import change_setting

START = 1_700_000_000.0


@dataclass(slots=True)
class Days:
    """A clock that is set in days."""

    day: float = 0.0

    def __call__(self) -> float:
        """Unix seconds."""
        return START + self.day * DAY_S


@pytest.fixture
def days(rig: Rig) -> Days:
    """The time, here and at the trainer."""
    clock = Days()
    rig.trainer.clock = clock
    return clock


def opened(rig: Rig, days: Days) -> Personalizer:
    """A profile that has learned, at that time."""
    return rig.open_learned(environment=Environment(clock=days, sleep=rig.waited.append))


def held(trainer: InMemoryTrainer) -> list[str]:
    """The key sets at the trainer."""
    return [key_id for account in trainer.accounts.values() for key_id in account.keys]


def used(trainer: InMemoryTrainer) -> set[str]:
    """The key sets that jobs at the trainer are under."""
    return {job.report.key_id.hex() for job in trainer.jobs.values()}


def kinds(keyboard: Personalizer) -> list[str]:
    """What the ledger tells."""
    return [line.kind for line in keyboard.ledger()]


def test_keys_have_an_age_and_an_end(rig: Rig, days: Days) -> None:
    """There are none before the first sync; then a fingerprint, days and a date 13 months on."""
    with opened(rig, days) as keyboard:
        assert keyboard.keys.status() is None
        keyboard.keys.rotate()  # of what there is not
        keyboard.sync()
        days.day = 100.0
        status = keyboard.keys.status()
        assert status is not None
        assert status.fingerprint == keyboard.status().key_fingerprint
        assert status.created == START
        assert status.age_days == pytest.approx(100.0)
        assert (status.expires - START) / DAY_S == pytest.approx(396.0)
        assert not status.rotating


def test_keys_are_replaced_once_a_year(rig: Rig, days: Days) -> None:
    """A year on, the next sync makes and uploads new ones, and the old ones are gone with all under them."""
    with opened(rig, days) as keyboard:
        keyboard.sync()
        (old,) = held(rig.trainer)
        days.day = 364.0
        keyboard.sync()
        assert held(rig.trainer) == [old]
        days.day = 365.0
        status = keyboard.keys.status()
        assert status is not None
        assert status.rotating
        assert keyboard.sync().outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)
        (new,) = held(rig.trainer)
        assert new != old
        assert used(rig.trainer) == {new}
        assert ("DELETE", f"/v1/keys/{old}") in rig.trainer.requests
        status = keyboard.keys.status()
        assert status is not None
        assert (status.age_days, status.rotating) == (0.0, False)
        told = kinds(keyboard)
        at = [told.index(kind) for kind in ("keys_rotated", "keys_deleted")]
        assert told[at[0] : at[1] + 1] == ["keys_rotated", "keys_announced", "keys_uploaded", "keys_deleted"]
        rig.trainer.requests.clear()
        keyboard.sync()
        assert not [request for request in rig.trainer.requests if request[0] in ("PUT", "DELETE")]


def test_keys_are_replaced_when_the_user_asks(any_rig: Rig) -> None:
    """What was learned stays: the weights in use are those of before, and go out under the new keys."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        (old,) = held(any_rig.trainer)
        keyboard.keys.rotate()
        keyboard.keys.rotate()
        assert kinds(keyboard).count("rotation_wanted") == 1
    with any_rig.open() as keyboard:
        assert keyboard.status().adapter_version == 1
        assert keyboard.sync().outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)
        (new,) = held(any_rig.trainer)
        assert new != old
        assert used(any_rig.trainer) == {new}


def test_an_update_under_way_comes_first(rig: Rig) -> None:
    """While the trainer is at work the old keys stay, and its update is used; then they are replaced."""
    rig.trainer.polls = 1000
    with rig.open_learned() as keyboard:
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        (old,) = held(rig.trainer)
        keyboard.keys.rotate()
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        assert held(rig.trainer) == [old]
        rig.trainer.polls = 0
        assert keyboard.sync().outcome is Outcome.APPLIED
        assert held(rig.trainer) == [old]
        keyboard.sync()
        assert old not in held(rig.trainer)


def test_expired_keys_wait_for_nothing(rig: Rig, days: Days) -> None:
    """After 13 months a report under the old keys is dropped, and no other is sent under them."""
    rig.trainer.polls = 1000
    with opened(rig, days) as keyboard:
        keyboard.sync(wait_seconds=0)
        (old,) = held(rig.trainer)
        days.day = 397.0
        assert keyboard.sync(wait_seconds=0).outcome is Outcome.PENDING
        assert old not in held(rig.trainer)
        assert old not in used(rig.trainer)


@pytest.mark.parametrize(("day", "outcome"), [(370.0, None), (397.0, Outcome.DEFERRED)])
def test_old_keys_serve_on_a_metered_network_until_they_expire(
    rig: Rig, days: Days, day: float, outcome: Outcome | None
) -> None:
    """For a month the old keys are used where bytes cost; then a sync has to wait for another network."""
    with opened(rig, days) as keyboard:
        keyboard.sync()
        (old,) = held(rig.trainer)
        days.day = day
        result = keyboard.sync(metered=True)
        assert (result.outcome is Outcome.DEFERRED) == (outcome is Outcome.DEFERRED)
        assert held(rig.trainer) == [old]
        keyboard.sync()
        assert old not in held(rig.trainer)


def test_keys_are_not_uploaded_where_bytes_cost(rig: Rig) -> None:
    """A first sync is deferred, whether or not there are keys, and no byte of them is sent."""
    with rig.open_learned() as keyboard:
        assert keyboard.sync(metered=True).outcome is Outcome.DEFERRED
        assert keyboard.keys.status() is None
    with rig.open("other", transport=Cut(rig.trainer, "parts")) as keyboard, pytest.raises(TryAgain):
        keyboard.sync()
    with rig.open("other") as keyboard:
        result = keyboard.sync(metered=True)
        assert result.outcome is Outcome.DEFERRED
        assert "metered" in result.reason
        assert sum(result.bytes_sent.values()) == 0
        assert keyboard.status().open_report == ""
        assert keyboard.sync().outcome is Outcome.DUMMY
        assert keyboard.sync(metered=True).outcome is Outcome.DUMMY  # the keys are there


class Cut:
    """A connection that is lost where a path has some part."""

    def __init__(self, trainer: InMemoryTrainer, part: str) -> None:
        self._trainer, self._part = trainer, part

    def send(self, request: Request) -> Answer:
        """Deliver, or lose."""
        if self._part in request.path:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE)
        return self._trainer.send(request)


def test_the_upload_is_announced_before_it_begins(rig: Rig) -> None:
    """The size is in the progress and in the ledger when no byte of the keys has been sent; once a key."""
    seen: list[Progress] = []
    for times in (1, 2):
        with rig.open(transport=Cut(rig.trainer, "/keys/")) as keyboard:
            with pytest.raises(TryAgain):
                keyboard.sync(seen.append)
            assert seen[-1].step is Step.UPLOAD_KEYS
            assert seen[-1].upload_bytes == rig.trainer.key_bytes
            assert len(seen) == 2 + times
            assert kinds(keyboard) == ["consent_given", "keys_announced"]
            assert "4.1 KB" in keyboard.ledger()[-1].text


@pytest.mark.parametrize("stored", ["x", "{}", '["x"]', '"aa"'])
def test_a_damaged_list_of_keys_is_found_out(stored: str) -> None:
    """What is no list of key ids is damage, not an empty list."""
    store = Store.in_memory()
    change_setting(store, KEYS_RETIRED, stored)
    with pytest.raises(Untrusted):
        KeyLife(store).retired()
    for created in ("x", "nan", ""):
        store.set_setting(KEYS_CREATED, ("a" * 64, created))
        with pytest.raises(Untrusted):
            KeyLife(store).created("a" * 64)


def test_without_keys_there_is_no_file(rig: Rig) -> None:
    """Asking for the age of keys makes none."""
    with rig.open() as keyboard:
        assert keyboard.keys.status() is None
    assert not list(Path(rig.folder / "profile").rglob("*.keys"))
