"""Fields, private blocks and the pause: where nothing is learnt, and where nothing is suggested."""

from __future__ import annotations

import threading

import pytest

from quietkeys import ErrorCode, InputField, Personalizer, Refused
from tests.sdk.conftest import Rig


def record_some(keyboard: Personalizer, field: InputField = InputField.TEXT) -> None:
    """Record two words and take one back."""
    keyboard.record("see", "yuo", "you", field=field)
    keyboard.undo(keyboard.record("see", "sentemce", "sentence", field=field))


@pytest.mark.parametrize("field", InputField)
def test_only_text_is_learnt(keyboard: Personalizer, field: InputField) -> None:
    """In any other field a record leaves nothing, and its receipt can be taken back once."""
    before = list(keyboard._profile.store.database._connection.iterdump())
    record_some(keyboard, field)
    after = list(keyboard._profile.store.database._connection.iterdump())
    assert (after == before) is (field is not InputField.TEXT)
    assert keyboard.status().words_recorded == (field is InputField.TEXT)
    receipt = keyboard.record("see", "yuo", "you", field=field)
    keyboard.undo(receipt)
    with pytest.raises(Refused) as caught:
        keyboard.undo(receipt)
    assert caught.value.code is ErrorCode.RECEIPT_UNKNOWN


@pytest.mark.parametrize("field", InputField)
def test_passwords_and_codes_get_no_suggestions(keyboard: Personalizer, field: InputField) -> None:
    """What was typed is shown alone, and nothing before anything is typed."""
    silent = field in (InputField.PASSWORD, InputField.ONE_TIME_CODE)
    shown = keyboard.suggest("such a", "sentemce", field=field)
    assert (shown.strip == ("sentemce",)) is silent
    assert (shown.correction is None) is silent
    assert (keyboard.suggest("such a", "", field=field).strip == ()) is silent


def test_touches_are_checked_in_any_field(keyboard: Personalizer) -> None:
    """An app's mistake shows wherever it is made."""
    for field in InputField:
        with pytest.raises(Refused):
            keyboard.suggest("", "ab", [(0.0, 0.0)], field=field)
        with pytest.raises(Refused):
            keyboard.record("", "ab", "ab", [(0.0, 0.0)], field=field)


def test_a_private_block_leaves_nothing(keyboard: Personalizer) -> None:
    """Nested, in every thread, until the outermost ends, also by an error; suggestions go on."""
    keyboard.suggest("such a", "sentemce")  # the first look at a mark makes the key that names marks
    before = list(keyboard._profile.store.database._connection.iterdump())
    with pytest.raises(KeyError), keyboard.private():
        with keyboard.private():
            record_some(keyboard)
        record_some(keyboard)
        thread = threading.Thread(target=record_some, args=(keyboard,))
        thread.start()
        thread.join()
        assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        raise KeyError
    assert list(keyboard._profile.store.database._connection.iterdump()) == before
    record_some(keyboard)
    assert keyboard.status().words_recorded == 1


def test_a_private_block_is_of_one_profile(rig: Rig) -> None:
    """Another profile of the same process learns on."""
    with rig.open("one") as one, rig.open("other") as other, one.private():
        record_some(one)
        record_some(other)
        assert (one.status().words_recorded, other.status().words_recorded) == (0, 1)


def test_the_pause_is_kept(rig: Rig) -> None:
    """Learning stays paused when the profile is opened again, until it is ended; forgetting ends it too."""
    with rig.open() as keyboard:
        assert not keyboard.paused
        keyboard.paused = True
        record_some(keyboard)
    with rig.open() as keyboard:
        assert keyboard.paused
        record_some(keyboard)
        assert keyboard.status().words_recorded == 0
        assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        keyboard.paused = False
        record_some(keyboard)
        assert keyboard.status().words_recorded == 1
        keyboard.paused = True
        keyboard.forget()
        assert not keyboard.paused


def test_a_half_hour_begins_a_session(rig: Rig) -> None:
    """By the clock of the profile, which may be turned."""
    from quietkeys.environment import Environment

    now = [1000.0]
    with rig.open(environment=Environment(clock=lambda: now[0])) as keyboard:
        for _ in range(3):
            keyboard.record("my", "brokling", "brokling")
        assert keyboard.status().own_words == 0
        now[0] += 1801.0
        keyboard.record("my", "brokling", "brokling")
        assert keyboard.status().own_words == 1
