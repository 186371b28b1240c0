"""What other programs may ask for: switches, wishes, and never a text."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from quietkeys import ErrorCode, Level, Refused, Step, Trainer
from quietkeys.environment import Environment
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_ibus.control import Control, NotReadyError
from quietkeys_ibus.conversation import Key
from quietkeys_ibus.owner import Owner
from quietkeys_ibus.preferences import Preferences
from quietkeys_protocol.plan import Plan
from tests.ibus.applications import Application
from tests.patience import HANGS_S
from tests.sdk import small


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """A fresh profile."""
    found = Owner(tmp_path / "profile", tmp_path / "ibus.json", key_waits_s=HANGS_S)
    found.open()
    yield found
    found.close()


@pytest.fixture
def learnt(tmp_path: Path) -> Iterator[Owner]:
    """The profile of somebody who has typed enough, with a trainer in memory."""
    found = Owner(tmp_path / "profile", tmp_path / "ibus.json")
    files = small.files()
    found.keyboard = open_profile(
        tmp_path / "profile",
        trainer=Trainer("https://trainer.test"),
        cipher=NoopCipher,
        transport=InMemoryTrainer(Plan.parse(files["plan.json"])),
        environment=Environment(rng=np.random.default_rng(0)),
        bundle=small.write(tmp_path / "en", files),
        trusted_keys=small.TRUSTED,
    )
    rng = np.random.default_rng(5)
    for context, word in small.tokens(7, 220):
        found.keyboard.record(context, small.slipped(word, rng), word)
    yield found
    found.close()


@pytest.fixture
def posted() -> list[Callable[[], None]]:
    """What waits for the thread of the keys."""
    return []


@pytest.fixture
def control(owner: Owner, posted: list[Callable[[], None]]) -> Control:
    """What is asked."""
    return Control(owner, posted.append)


def done(posted: list[Callable[[], None]]) -> None:
    """Wait for a wish that runs aside."""
    deadline = time.monotonic() + HANGS_S
    while not posted:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    posted.pop(0)()


def test_switches_change_what_is_typed(owner: Owner, control: Control, tmp_path: Path) -> None:
    """At once, and they are kept."""
    assert control.property("Level") == "normal"
    control.set_property("Level", "off")
    field = Application(owner)
    field.enter()
    field.keys("see teh ")
    assert field.text == "see teh "
    control.set_property("Strip", False)
    assert not Preferences.load(tmp_path / "ibus.json").strip
    control.set_property("Incognito", True)
    control.set_property("Paused", True)
    assert [control.property(name) for name in ("Incognito", "Paused")] == [True, True]
    assert owner.keyboard is not None
    assert owner.keyboard.paused


def test_what_was_typed_before_a_pause_is_learnt(owner: Owner, control: Control) -> None:
    """And nothing of what is typed in it, however soon after it is ended."""
    assert owner.keyboard is not None
    field = Application(owner)
    field.enter()
    field.keys("hello ")
    control.set_property("Paused", True)
    field.keys("you there ")
    control.set_property("Paused", False)
    assert owner.keyboard.status().words_recorded == 1


def test_a_program_may_be_left_out(owner: Owner, control: Control) -> None:
    """By the name that it tells IBus."""
    assert owner.keyboard is not None
    control.set_app("editor", learn=False, suggest=True, level="off")
    assert control.apps() == [("editor", False, True, "off")]
    field = Application(owner)
    field.enter()
    field.keys("see teh ")
    owner.settle()
    assert field.text == "see teh "
    assert owner.keyboard.status().words_recorded == 0
    control.remove_app("editor")
    assert control.apps() == []


def test_odd_values_are_refused(control: Control) -> None:
    """And change nothing."""
    with pytest.raises(ValueError):
        control.set_property("Level", "very")
    for address in ("ftp://trainer.test", "http://trainer.test", "https://"):
        with pytest.raises(Refused) as unsafe:
            control.set_property("Trainer", address)
        assert unsafe.value.code is ErrorCode.ADDRESS_UNSAFE
    assert control.property("Trainer") == ""
    for name in ("Words", "Ready", "Nothing"):
        with pytest.raises(KeyError):
            control.set_property(name, True)
    with pytest.raises(Refused) as caught:
        control.set_app("", learn=True, suggest=True, level="")
    assert caught.value.code is ErrorCode.APP_UNNAMED


def test_nothing_that_is_returned_is_a_text(
    owner: Owner, control: Control, posted: list[Callable[[], None]]
) -> None:
    """Whatever was typed and added."""
    field = Application(owner)
    field.enter()
    field.keys("zyxwvq teh hello ")
    control.add_word("zyxwvq")
    control.consent("yes")
    told: list[object] = [control.property(name) for name in properties()]
    told += [control.apps(), control.ledger(), control.readiness()]
    control.forget_word("zyxwvq")
    control.forget(lambda said: told.append(said))
    done(posted)
    assert not re.search("zyxwvq|teh|hello", str(told))


def test_another_trainer_is_used_at_once(
    owner: Owner, control: Control, posted: list[Callable[[], None]]
) -> None:
    """The profile is opened anew for it; until then keys pass, and it says that it is not ready."""
    field = Application(owner)
    field.enter()
    owner.changed = field.conversation.refresh
    control.set_property("Trainer", "https://trainer.test")
    assert not control.property("Ready")
    field.conversation.key(Key("a", "a"))
    done(posted)
    assert control.property("Ready")
    field.keys("see teh ")
    assert field.text == "see the "


def test_a_sync_without_consent_is_refused(control: Control, posted: list[Callable[[], None]]) -> None:
    """It says so when it has ended; nothing was sent."""
    assert control.sync()
    assert control.property("Syncing")
    assert not control.sync()
    done(posted)
    assert not control.property("Syncing")
    assert str(control.property("LastSync")).startswith("failed")
    assert control.property("LastError") == ErrorCode.ADDRESS_UNSAFE.value  # there is no trainer either


def test_a_sync_says_how_far_it_is(learnt: Owner, posted: list[Callable[[], None]]) -> None:
    """Each step once, with what was sent so far; none before and after; then the update can be taken back."""
    control = Control(learnt, posted.append)
    names = ("Step", "BytesSent", "BytesReceived", "BlocksDone", "Blocks")
    steps: list[tuple[str, int]] = []

    def stepped() -> None:
        step, sent, *_ = [control.property(name) for name in names]
        steps.append((str(step), int(sent)))

    control.stepped = stepped
    kept_aside, needed, words_left = control.readiness()
    assert kept_aside >= needed > 0
    assert words_left == 0
    control.consent("yes")
    control.sync()
    assert [control.property(name) for name in names] == ["", 0, 0, 0, 0]
    while control.property("Syncing"):
        done(posted)
    order = [step.value for step in Step if step.value in dict(steps)]
    assert list(dict(steps)) == order
    assert {"encrypt", "train", "judge"} <= set(order)
    assert steps[-1][1] > 1000
    assert [control.property(name) for name in names] == ["", 0, 0, 0, 0]
    assert str(control.property("LastSync")).startswith("applied")
    assert control.property("LastError") == ""
    assert control.property("Version") == 1
    assert control.roll_back() == 0
    assert control.property("Version") == 0


def test_who_listens_is_told_of_all_that_changes(
    owner: Owner, control: Control, posted: list[Callable[[], None]]
) -> None:
    """Programs and words too, and what a wipe leaves, before the wipe is answered."""
    told: list[bool | str | int] = []
    control.told = lambda: told.append(control.property("Consent"))
    control.consent("yes")
    control.set_app("editor", learn=False, suggest=True, level="")
    control.remove_app("editor")
    control.add_word("zyxwvq")
    control.forget_word("zyxwvq")
    assert told == [True] * 5
    control.withdraw(True, told.append)
    done(posted)
    control.forget(told.append)
    done(posted)
    assert told[5:] == [False, "nothing there"] * 2


def test_before_the_profile_is_open_switches_say_so(tmp_path: Path) -> None:
    """And all can be read."""
    owner = Owner(tmp_path / "profile", tmp_path / "ibus.json")
    control = Control(owner, lambda _: None)
    assert control.property("Ready") is False
    assert [control.property(name) for name in properties()]
    with pytest.raises(NotReadyError):
        control.set_property("Level", Level.OFF.value)
    with pytest.raises(NotReadyError):
        control.sync()
    owner.close()


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    """As somebody wrote it into the file of the preferences: the profile stays closed, and why is told."""
    Preferences(trainer="http://trainer.test").save(tmp_path / "ibus.json")
    owner = Owner(tmp_path / "profile", tmp_path / "ibus.json")
    owner.open()
    control = Control(owner, lambda _: None)
    assert not control.property("Ready")
    assert "https" in str(control.property("Problem"))
    owner.close()


def properties() -> list[str]:
    """The properties of the interface."""
    source = (Path(__file__).parents[2] / "input_method/quietkeys_ibus/service.py").read_text()
    xml = source.partition('"""\n<node>')[2].partition("</node>")[0]
    interface = ElementTree.fromstring(f"<node>{xml}</node>")  # noqa: S314 - our own
    return [found.attrib["name"] for found in interface.iter("property")]
