"""Apps in which the keyboard behaves otherwise than everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from quietkeys import AppProfile, ErrorCode, Level, Personalizer, Refused
from quietkeys.profile.settings import APPS, LEVEL, NEVER_SUGGEST, REPLACEMENTS, Setting
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import change_setting

MAIL = "org.example.mail"


def test_nothing_is_learnt_where_it_is_not_wanted(keyboard: Personalizer) -> None:
    """Records there count nothing and can be taken back; elsewhere learning goes on."""
    keyboard.apps.set(MAIL, AppProfile(learn=False))
    keyboard.undo(keyboard.record("see", "yuo", "you", app=MAIL))
    keyboard.record("see", "yuo", "you", app=MAIL)
    assert keyboard.status().words_recorded == 0
    assert keyboard.suggest("they", "peopke", app=MAIL).correction == "people"
    keyboard.record("see", "yuo", "you", app="org.example.chat")
    assert keyboard.status().words_recorded == 1


def test_nothing_is_suggested_where_it_is_not_wanted(keyboard: Personalizer) -> None:
    """What was typed is shown as it is, whatever the user always replaces, and no next word."""
    keyboard.apps.set(MAIL, AppProfile(suggest=False))
    keyboard.vocabulary.always_replace("peopke", "folk")
    assert keyboard.suggest("they", "peopke", app=MAIL).strip == ("peopke",)
    assert keyboard.suggest("they", "peopke", app=MAIL).correction is None
    assert keyboard.suggest("they", "", app=MAIL).strip == ()
    assert keyboard.suggest("they", "peopke").correction == "folk"
    keyboard.record("see", "yuo", "you", app=MAIL)
    assert keyboard.status().words_recorded == 1


def test_an_app_has_a_level_of_its_own(rig: Rig) -> None:
    """It outlives a restart and leaves the level everywhere else; without one it follows that."""
    with rig.open() as keyboard:
        keyboard.apps.set(MAIL, AppProfile(level=Level.OFF))
    with rig.open() as keyboard:
        assert keyboard.suggest("they", "peopke", app=MAIL).correction is None
        assert keyboard.suggest("they", "peopke").correction == "people"
        keyboard.level = Level.OFF
        assert keyboard.suggest("they", "peopke", app="another").correction is None
        keyboard.apps.set(MAIL, AppProfile(level=Level.NORMAL))
        assert keyboard.suggest("they", "peopke", app=MAIL).correction == "people"
        keyboard.apps.remove(MAIL)
        assert keyboard.suggest("they", "peopke", app=MAIL).correction is None


def test_apps_are_listed(rig: Rig) -> None:
    """By name, over a restart; one without a profile is as everywhere; forgetting everything drops them."""
    quiet = AppProfile(learn=False, suggest=False, level=Level.CAREFUL)
    with rig.open() as keyboard:
        keyboard.apps.set("b", quiet)
        keyboard.apps.set("a", AppProfile())
        assert list(keyboard.apps.all()) == ["a", "b"]
    with rig.open() as keyboard:
        assert keyboard.apps.all() == {"a": AppProfile(), "b": quiet}
        assert keyboard.apps.get("b") == quiet
        assert keyboard.apps.get("c") == keyboard.apps.get("") == AppProfile()
        keyboard.apps.remove("c")
        keyboard.forget()
        assert keyboard.apps.all() == {}


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_an_app_has_a_name(keyboard: Personalizer, name: str) -> None:
    """Nothing is chosen for what has none."""
    with pytest.raises(Refused) as caught:
        keyboard.apps.set(name, AppProfile())
    assert caught.value.code is ErrorCode.APP_UNNAMED


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (APPS, "[]"),
        (APPS, '{"a": {}}'),
        (APPS, '{"a": {"learn": 1, "suggest": true, "level": null}}'),
        (APPS, '{"a": {"learn": true, "suggest": true, "level": "wild"}}'),
        (APPS, "{"),
        (LEVEL, "wild"),
        (NEVER_SUGGEST, '{"a": 1}'),
        (REPLACEMENTS, '{"a": 1}'),
        (REPLACEMENTS, "[" * 100_000),
    ],
)
def test_damaged_choices_are_set_aside(rig: Rig, setting: Setting[Any], value: str) -> None:
    """The profile opens anew with a problem to show, as after any other damage."""
    with rig.open() as keyboard:
        keyboard.record("see", "yuo", "you")
        change_setting(keyboard._profile.store, setting, value)
    with rig.open() as keyboard:
        assert len(keyboard.status().problems) == 1
        assert keyboard.status().words_recorded == 0
