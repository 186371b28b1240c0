"""Screens on the profile that the input method has open: a real bus, the real interface, and no window."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Final
from xml.etree import ElementTree

import pytest

from quietkeys_keyboard import input_method
from quietkeys_keyboard.input_method import InputMethod, Presence
from quietkeys_keyboard.presenters.course import State
from quietkeys_keyboard.presenters.privacy import DELETIONS, WITHDRAWALS
from quietkeys_keyboard.presenters.remote import Program, Remote
from quietkeys_keyboard.presenters.remote_privacy import Programs, RemotePrivacy, program_words
from quietkeys_keyboard.presenters.remote_training import RemoteTraining
from quietkeys_keyboard.presenters.training import STATEMENT
from tests.app.serving import TRAINER, Served, served
from tests.patience import HANGS_S
from tests.sdk import small

SECRET: Final = "zyxwvq"


@dataclass(slots=True)
class Desk:
    """The screens without their window, the input method, and another program that asks it."""

    other: Served
    remote: Remote
    posted: list[Callable[[], None]] = field(default_factory=list)

    def wait(self, holds: Callable[[], object]) -> None:
        """Run what the bus has told until something holds."""
        deadline = time.monotonic() + HANGS_S
        while not holds():
            assert time.monotonic() < deadline, self
            while self.posted:
                self.posted.pop(0)()
            time.sleep(0.01)


def at(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, other: Served, where: str, again_s: float = 0.1
) -> Desk:
    """The screens, on the bus at an address."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", where)
    posted: list[Callable[[], None]] = []
    method = InputMethod(posted.append, again_s)
    found = Desk(other, Remote(method, lambda: None), posted)
    stack.callback(method.close)
    return found


@pytest.fixture
def desk(
    stack: ExitStack,
    address: str,
    learnt: Path,
    small_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """The screens and the input method, which has its profile open."""
    folder = copytree(learnt, tmp_path / "user")
    other = stack.enter_context(served(folder, small_bundle, small.TRUSTED[0], address))
    found = at(stack, monkeypatch, other, address)
    other.start()
    found.remote.begin()
    return found


def ready(desk: Desk) -> Desk:
    """Wait until all that the screens ask for is there."""
    desk.wait(lambda: desk.remote.presence is Presence.READY and desk.remote.readiness[1])
    return desk


def test_names_are_those_of_the_interface() -> None:
    """Of each property its type, of each method what it takes; nothing is left out."""
    source = (Path(__file__).parents[2] / "input_method/quietkeys_ibus/service.py").read_text()
    xml = source.partition('"""\n<node>')[2].partition("</node>")[0]
    (interface,) = ElementTree.fromstring(f"<node>{xml}</node>")  # noqa: S314 - our own
    assert interface.attrib["name"] == input_method.INTERFACE
    assert f'"{input_method.NAME}"' in source
    assert f'"{input_method.PATH}"' in source
    properties = {one.attrib["name"]: one.attrib["type"] for one in interface.iter("property")}
    assert properties == input_method.PROPERTIES
    methods = {
        one.attrib["name"]: "".join(arg.attrib["type"] for arg in one if arg.attrib.get("direction") == "in")
        for one in interface.iter("method")
    }
    assert methods == input_method.METHODS


def test_what_others_switch_is_shown_and_what_is_switched_here_holds(desk: Desk) -> None:
    """The tray and the command line on one side, the screens on the other."""
    remote, programs = ready(desk).remote, Programs(desk.remote)
    desk.other.set("Paused", "true")
    desk.other.set("Level", "'eager'")
    desk.other.call("SetApp", "firefox", "true", "false", "")
    desk.wait(lambda: remote.is_on("Paused") and remote.text("Level") == "eager" and remote.programs)
    assert [program_words(one) for one in remote.programs] == ["Suggests nothing, learns"]
    remote.switch("Paused", False)
    remote.switch("Incognito", True)
    programs.save(Program(" editor ", learn=False, level="careful"))
    desk.wait(lambda: remote.is_on("Incognito") and not remote.is_on("Paused") and len(remote.programs) == 2)
    assert desk.other.call("Apps") == "([('editor', false, true, 'careful'), ('firefox', true, false, '')],)"
    assert program_words(remote.programs[0]) == "Learns nothing, suggests, corrects: careful"
    programs.remove("firefox")
    desk.wait(lambda: [one.name for one in remote.programs] == ["editor"])
    programs.save(Program(""))
    desk.wait(lambda: remote.notice)
    assert remote.notice == "A program has a name, of at most 200 characters."
    remote.switch("Trainer", "http://trainer.test")
    desk.wait(lambda: "https://" in remote.notice)
    assert remote.text("Trainer") == TRAINER


def test_nobody_waits_for_it(desk: Desk) -> None:
    """An input method that answers nothing holds nothing up; what was wished for is done when it does."""
    remote = ready(desk).remote
    desk.other.signal(signal.SIGSTOP)
    remote.switch("Paused", True)
    remote.ask("AddWord", "niederdorf")
    remote.switch("Paused", False)
    remote.switch("Level", "off")
    assert remote.text("Level") == "normal"
    desk.other.signal(signal.SIGCONT)
    desk.wait(lambda: remote.text("Level") == "off")
    assert not remote.is_on("Paused")


def test_a_training_is_followed_and_taken_back(desk: Desk) -> None:
    """Each step with its bytes, what came of it, and the ledger; as from here, so from another program."""
    remote, training = ready(desk).remote, RemoteTraining(desk.remote)
    assert training.said() == ("No training yet", "")
    assert training.meter()[0] == 1.0
    assert not training.needs_trainer()
    assert training.needs_consent()
    training.start()
    desk.wait(lambda: training.headline == "Not this time")
    assert training.detail.startswith("Nothing is sent before you agree")
    training.agree()
    desk.wait(lambda: not training.needs_consent())
    training.start()
    desk.wait(lambda: training.applied and remote.ledger and training.history())
    assert training.said()[0] == "The update is in use"
    assert {line.state for line in training.course.steps} == {State.DONE}
    titles = [line.title for line in training.course.steps]
    assert titles[0] == "Introducing this device"
    assert titles[-1] == "Judging it on typing kept aside"
    assert sum(line.size for line in training.course.steps) > 4000
    assert training.left() == ""
    assert remote.number("Version") == 1
    desk.other.call("RollBack")
    desk.wait(lambda: remote.number("Version") == 0 and "went back" in training.history()[0].text)
    later = RemoteTraining(Remote(remote.method, lambda: None, ledger=remote.ledger))
    assert later.said()[0] == "The last update was taken back"
    kinds = [line.kind for line in remote.ledger]
    assert kinds[0] == "rolled_back"
    assert kinds[-1] == "consent_given"
    assert STATEMENT not in str(remote.ledger)


def test_a_training_is_stopped(
    stack: ExitStack,
    address: str,
    learnt: Path,
    small_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From here while it waits for the trainer; one that was begun elsewhere is shown as it goes on."""
    folder = copytree(learnt, tmp_path / "user")
    other = stack.enter_context(served(folder, small_bundle, small.TRUSTED[0], address, polls=1_000_000))
    desk = at(stack, monkeypatch, other, address)
    other.start()
    training = RemoteTraining(desk.remote)
    desk.remote.begin()
    ready(desk)
    desk.other.call("GiveConsent", "yes")
    desk.other.call("Sync")
    desk.wait(lambda: training.busy and len(training.course.steps) >= 5)
    training.tick()
    assert training.said() == ("Training", "You can go on typing, everywhere.")
    assert training.left()
    assert training.course.steps[-1].state is State.ACTIVE
    training.stop()
    assert training.stopping
    desk.wait(lambda: not training.busy and not training.stopping)
    assert training.said()[0] == "Stopped"
    training.start()
    desk.wait(lambda: training.busy and training.course.steps)
    other.stop()
    desk.wait(lambda: desk.remote.presence is Presence.ABSENT)
    assert training.said()[0] == "The last training was interrupted"
    assert [line.state for line in training.course.steps][-1] is State.FAILED


def test_words_are_added_and_forgotten_and_none_is_shown(desk: Desk) -> None:
    """How many there are is; what came over the bus has none of them in it."""
    remote, privacy = ready(desk).remote, RemotePrivacy(desk.remote)
    before = remote.number("Words")
    assert before > 10
    assert privacy.known() == f"{before} words, and how often you use them."
    privacy.add(f" {SECRET} ")
    desk.wait(lambda: remote.notice)
    assert remote.notice == "It is in your dictionary."
    privacy.add("two words")
    desk.wait(lambda: remote.notice == "That is not one word.")
    privacy.forget("sentence")
    desk.wait(lambda: "Forgotten" in remote.notice and privacy.lines())
    assert privacy.lines()[0].kind == "word_forgotten"
    for _ in range(9):
        privacy.forget(SECRET)
    desk.wait(lambda: len(remote.ledger) > 9)
    assert privacy.pages() == 2
    first = privacy.lines()
    privacy.turn(1)
    assert privacy.lines() == remote.ledger[len(first) :]
    privacy.turn(1)
    assert privacy.lines() == first
    assert SECRET not in str(remote)
    assert "sentence" not in str(remote)


def test_consent_is_taken_back_and_everything_is_wiped(desk: Desk) -> None:
    """Each says what became of the trainer's part; the training screen shows nothing of before."""
    remote = ready(desk).remote
    privacy, training = RemotePrivacy(remote), RemoteTraining(remote)
    training.agree()
    training.start()
    desk.wait(lambda: training.applied)
    privacy.withdraw()
    assert privacy.busy
    desk.wait(lambda: not privacy.busy)
    assert remote.notice in WITHDRAWALS.values()
    assert "receipt" in remote.notice
    assert not remote.is_on("Consent")
    assert remote.number("Words") > 10
    privacy.wipe()
    desk.wait(lambda: not privacy.busy)
    assert remote.notice in DELETIONS.values()
    assert remote.number("Words") == 0
    assert privacy.known().startswith("Nothing yet")
    assert training.headline == ""
    assert training.course.steps == []


def test_the_screens_follow_when_it_goes_away_and_comes_back(desk: Desk) -> None:
    """What they say meanwhile, what is refused, and what they show again then."""
    remote, privacy = desk.remote, RemotePrivacy(desk.remote)
    ready(desk)
    assert remote.sentence() == ("", "")
    remote.switch("Level", "careful")
    desk.wait(lambda: remote.text("Level") == "careful")
    desk.other.signal(signal.SIGSTOP)
    privacy.wipe()
    desk.other.stop()
    desk.wait(lambda: remote.presence is Presence.ABSENT and not privacy.busy)
    assert remote.notice.startswith("The input method went away")
    assert remote.sentence()[0] == "The input method does not run"
    assert "input sources" in remote.sentence()[1]
    remote.switch("Paused", True)
    desk.wait(lambda: remote.notice)
    assert remote.notice.startswith("The input method went away")
    assert remote.text("Level") == ""
    desk.other.start()
    ready(desk)
    assert remote.text("Level") == "careful"
    assert remote.notice.startswith("The input method went away")


def test_words_that_cannot_be_opened_are_said(desk: Desk) -> None:
    """With another trainer it opens its profile anew, which this time nothing unseals."""
    remote = ready(desk).remote
    seen: set[tuple[str, str]] = set()
    remote.changed = lambda: seen.add(remote.sentence())
    RemoteTraining(remote).set_trainer(" https://elsewhere.test ")
    desk.wait(lambda: remote.presence is Presence.BROKEN)
    assert ("One moment", "The input method is opening your words.") in seen
    title, text = remote.sentence()
    assert title == "Your words cannot be opened"
    assert text.endswith("Keys pass as they are typed.")
    assert len(text) > 60


def test_a_bus_is_waited_for(
    stack: ExitStack, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """None at all, one that nobody answers at, one that is no address; then one without an input method."""
    nowhere = stack.enter_context(served(tmp_path, small_bundle, small.TRUSTED[0], address))
    for where in (f"unix:path={tmp_path}/none", "tcp:host=127.0.0.1", "nonsense", ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        desk = at(stack, monkeypatch, nowhere, where)
        desk.remote.begin()
        desk.wait(lambda desk=desk: desk.remote.presence is Presence.NO_BUS)  # type: ignore[misc]
        assert "Start it from the desktop" in desk.remote.sentence()[1]
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    desk.wait(lambda: desk.remote.presence is Presence.ABSENT)
