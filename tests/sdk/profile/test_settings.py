"""What a profile stores by name is declared once: its form, and what removes it."""

from __future__ import annotations

from typing import Any

import pytest

from quietkeys import Untrusted
from quietkeys.profile import settings
from quietkeys.profile.database import SealedRows
from quietkeys.profile.settings import FAMILIES, SETTINGS, Family, Setting, Until, setting_named
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import change_setting

VALUES: dict[settings.Codec[Any], Any] = {
    settings.TEXT: "a text, with\nanything in it",
    settings.FIELDS: ["a", "b"],
    settings.WHOLE: 10**18 - 1,
    settings.BYTES: b"\x00\xff",
    settings.FLAG: True,
    settings.TEXTS: ["a", "b c"],
    settings.RECORD: {"a": 1, "b": {"c": None}},
    settings.RECORDS: [{"a": 1}, {}],
}
DAMAGED: dict[settings.Codec[Any], tuple[bytes, ...]] = {
    settings.TEXT: (b"\xff",),
    settings.FIELDS: (b"\xff",),
    settings.WHOLE: (b"", b"many", b"-3", b"1" * 19, "\u0663".encode(), b"1.0"),
    settings.BYTES: (b"0", b"xx"),
    settings.FLAG: (b"", b"0", b"true"),
    settings.TEXTS: (b"", b"{}", b"[1]", b'"a"', b"[" * 100_000),
    settings.RECORD: (b"", b"[]", b"{", b"[" * 100_000),
    settings.RECORDS: (b"", b"{}", b"[1]", b"[" * 100_000),
}
EVERY = (*SETTINGS, *(family.of("member") for family in FAMILIES))


def named(setting: Setting[Any]) -> str:
    """The name of a case."""
    return setting.name


def test_every_declaration_is_listed_under_a_name_of_its_own() -> None:
    """So that a wipe and a check know all of them."""
    declared = [one for one in vars(settings).values() if isinstance(one, Setting)]
    families = [one for one in vars(settings).values() if isinstance(one, Family)]
    assert set(map(named, declared)) == set(map(named, SETTINGS))
    assert families == list(FAMILIES)
    assert len(declared) == len(set(map(named, declared))) == len(SETTINGS)
    assert all(setting_named(one.name) == one for one in EVERY)
    assert setting_named("anything else") is None


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_a_setting_comes_back_as_it_was_stored(setting: Setting[Any]) -> None:
    """None before, the value afterwards, None again when it is removed."""
    store, value = Store.in_memory(), VALUES[setting.codec]
    assert store.setting(setting) is None
    store.set_setting(setting, value)
    assert store.setting(setting) == value
    store.check()
    store.drop_setting(setting)
    assert store.setting(setting) is None


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_a_setting_of_another_form_is_damage(setting: Setting[Any]) -> None:
    """Wherever it is read, and when the whole profile is checked."""
    store = Store.in_memory()
    for content in DAMAGED[setting.codec]:
        SealedRows(store.database, "settings").put(setting.name, content)
        with pytest.raises(Untrusted) as caught:
            store.setting(setting)
        assert caught.value.code is ErrorCode.PROFILE_DAMAGED
        with pytest.raises(Untrusted):
            store.check()


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_what_removes_a_setting_is_declared(setting: Setting[Any]) -> None:
    """The keys' settings go with the keys and with a wipe; the folder's outlive both."""
    store = Store.in_memory()
    store.set_setting(setting, VALUES[setting.codec])
    store.drop_key_settings()
    assert (store.setting(setting) is None) == (setting.until is Until.KEYS_GO)
    store.set_setting(setting, VALUES[setting.codec])
    store.wipe()
    assert store.setting(settings.WIPING)
    if setting is not settings.WIPING:  # which a wipe itself stores, until its files are gone
        assert (store.setting(setting) is None) == (setting.until is not Until.FOLDER_GOES)


def test_a_wipe_keeps_what_the_folder_keeps_and_no_more() -> None:
    """The bundle versions seen, the trainers' keys and the receipts; a name nobody knows goes."""
    kept = {one.name for one in EVERY if one.until is Until.FOLDER_GOES}
    assert kept == {"bundle/member", "trainer_key/member", "trainer_receipts"}
    store = Store.in_memory()
    rows = SealedRows(store.database, "settings")
    rows.put("of a later version", b"anything")
    store.check()
    store.wipe()
    assert [name for name, _ in rows.all()] == ["wiping"]


def test_a_setting_of_another_form_sets_the_profile_aside(rig: Rig) -> None:
    """Whichever it is, also one that is read much later; the last good version is used."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
        keyboard._profile.keep()
        change_setting(keyboard._profile.store, settings.KEYS_RETIRED, "none")
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == words
        assert len(keyboard.status().problems) == 1
