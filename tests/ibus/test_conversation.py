"""What keys mean in an application: no text is lost, and nothing is learnt that must not be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quietkeys import AppProfile, Level
from quietkeys_ibus.conversation import Key
from quietkeys_ibus.fields import Hint, Purpose
from quietkeys_ibus.owner import Owner
from tests.ibus.applications import Application
from tests.patience import HANGS_S


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """The profile of somebody who has typed nothing, whose keys wait for the model as long as it takes."""
    folder: Path = tmp_path_factory.mktemp("owner")
    found = Owner(folder / "profile", folder / "ibus.json", key_waits_s=HANGS_S)
    found.open()
    assert found.keyboard is not None
    yield found
    found.close()


@pytest.fixture
def owner(opened: Owner) -> Owner:
    """The profile with everything as it is at first."""
    assert opened.keyboard is not None
    opened.keyboard.level, opened.incognito = Level.NORMAL, False
    return opened


@pytest.fixture
def field(owner: Owner) -> Application:
    """A field of an ordinary application, with the cursor in it."""
    found = Application(owner)
    found.enter()
    return found


@pytest.fixture
def recorded(owner: Owner) -> Callable[[], int]:
    """How many words were learnt since the test began."""
    keyboard = owner.keyboard
    assert keyboard is not None
    before = keyboard.status().words_recorded

    def count() -> int:
        owner.settle()
        return keyboard.status().words_recorded - before

    return count


def test_a_mistake_is_put_right_and_given_back(field: Application) -> None:
    """It is not corrected again in that word."""
    field.keys("see teh ")
    assert field.text == "see the "
    assert field.marked == "the"
    field.keys("⌫")
    assert (field.text, field.marked) == ("see teh", "")
    field.keys(" ")
    assert field.text == "see teh "


@pytest.mark.parametrize("late", [1, 2, 5])
def test_while_keys_queue_words_are_left(owner: Owner, late: int) -> None:
    """A host may take in what it is told before a key that it was given earlier; no text is lost to that."""
    field = Application(owner, late=late)
    field.enter()
    field.keys("see teh adn⌫⌫n ")
    assert field.text == "see teh an "
    assert field.deletions == 0


def test_the_first_word_of_a_field_is_put_right_and_learnt(
    field: Application, recorded: Callable[[], int]
) -> None:
    """Although nothing is known of the text when it begins."""
    field.keys("teh ")
    assert field.text == "the "
    assert recorded() == 1


def test_punctuation_puts_right_as_well(field: Application) -> None:
    """And a full stop does at the space behind it."""
    field.keys("teh, adn. ")
    assert field.text == "the, and. "


def test_letters_pass_to_the_application(field: Application) -> None:
    """At once: only what changes more is swallowed."""
    assert not field.command("a")
    field.keys("hello ")
    assert field.text.endswith("hello ")
    assert field.marked == ""


def test_return_passes_and_what_stands_is_learnt(field: Application, recorded: Callable[[], int]) -> None:
    """It may send a message: nothing is changed with it."""
    field.keys("hello teh⏎")
    assert field.text == ""
    assert recorded() == 2
    field.keys("teh ")
    assert field.text == "the "


def test_nothing_is_deleted_beside_what_may_be_selected(field: Application) -> None:
    """A selection is not reported; a key that replaces it does nothing else."""
    field.keys("see teh")
    field.conversation.reset()
    field.selected = 3
    field.keys(" ")
    assert field.text == "see  "
    field.keys("⌫")
    assert field.text == "see "


def test_nothing_is_deleted_where_the_cursor_was_put(field: Application) -> None:
    """Behind a word that was typed before, by a click or an arrow."""
    field.keys("see teh")
    field.conversation.reset()
    field.keys(" ")
    assert field.text == "see teh "
    field.keys("adn←← ")
    assert field.text == "see teh a dn"


def test_a_host_that_completes_by_itself_is_left_alone(field: Application) -> None:
    """As a browser does in its line of addresses."""
    field.keys("goo")
    field.text, field.cursor = "google", 3
    field.report()
    field.selected = 0
    field.keys(" ")
    assert field.text == "goo gle"


def test_a_host_that_does_not_delete_is_not_asked_again(owner: Owner) -> None:
    """It loses one word to that; from then on suggestions only add."""
    field = Application(owner, deletes=False)
    field.enter()
    field.keys("teh ")
    assert field.text == "tehthe "
    field.keys("adn teh adn ")
    assert field.text == "tehthe adn teh adn "


def test_after_backspace_typing_goes_on_as_before(field: Application) -> None:
    """Toolkits say that the cursor was put elsewhere then; it was not."""
    field.keys("tehx⌫ ")
    assert field.text == "the "


def test_a_suggestion_is_taken_by_alt_and_a_digit(field: Application) -> None:
    """With a space behind it; with no strip the keys are the application's."""
    assert not field.command("1", alt=True)
    field.keys("see tomo")
    place = field.texts().index("tomorrow")
    assert field.command(str(place + 1), alt=True)
    assert field.text == "see tomorrow "
    assert all(choice.comes_next for choice in field.shown)
    assert field.command("1", alt=True)
    assert len(field.text.split()) == 3


def test_tab_takes_a_suggestion_while_a_word_is_under_way(field: Application) -> None:
    """The best; elsewhere it goes to the next field, as it does with that switched off."""
    assert not field.command("Tab")
    field.keys("see tomorow⇥")
    assert field.text == "see tomorrow "
    assert not field.command("Tab")
    field.owner.choose(tab=False)
    field.keys("tomorow")
    assert not field.command("Tab")
    field.owner.choose(tab=True)


def test_a_suggestion_belongs_to_its_word(field: Application) -> None:
    """What was shown for the word before is not taken by a quick key."""
    field.keys("see tomo")
    field.settle()
    field.conversation.key(Key("space", " "))
    assert field.shown == ()


def test_a_suggestion_is_taken_once(field: Application) -> None:
    """A second key that comes before the next strip takes nothing, and is the application's."""
    field.keys("see tomorow")
    field.settle()
    assert field.conversation.key(Key("Tab", "\t"))
    assert field.shown == ()
    assert not field.conversation.key(Key("Tab", "\t"))
    field.settle()
    assert field.text == "see tomorrow "


def test_a_word_that_is_given_back_has_no_strip_yet(field: Application) -> None:
    """What was shown for the next word is not taken in its place."""
    field.keys("see teh ")
    field.settle()
    assert field.shown
    field.conversation.key(Key("BackSpace", ""))
    assert field.shown == ()
    field.settle()
    assert field.text == "see teh"


def test_the_strip_can_be_switched_off(field: Application) -> None:
    """Words are put right all the same."""
    field.owner.choose(strip=False)
    field.keys("see teh")
    assert field.shown == ()
    field.keys(" ")
    assert field.text == "see the "
    field.owner.choose(strip=True)


def test_correcting_can_be_switched_off(field: Application) -> None:
    """By the level; the strip is there all the same."""
    assert field.owner.keyboard is not None
    field.owner.keyboard.level = Level.OFF
    field.keys("see teh")
    assert "the" in field.texts()
    field.keys(" ")
    assert field.text == "see teh "


@pytest.mark.parametrize("purpose", [Purpose.PASSWORD, Purpose.PIN, Purpose.TERMINAL, 99])
def test_where_secrets_are_typed_keys_are_not_looked_at(
    owner: Owner, purpose: int, recorded: Callable[[], int]
) -> None:
    """Nothing is shown, changed or learnt; nor in a kind of field that is not known."""
    field = Application(owner)
    field.enter(purpose)
    field.keys("teh adn hello ")
    assert (field.text, field.shown, recorded()) == ("teh adn hello ", (), 0)


@pytest.mark.parametrize("client", ["gtk3-im:gnome-terminal-server", "gtk4-im:kgx", "xim", "Qt:konsole"])
def test_a_terminal_is_known_by_its_name(owner: Owner, client: str, recorded: Callable[[], int]) -> None:
    """As most do not say what they are."""
    field = Application(owner)
    field.enter(client=client, reports=False)
    field.keys("teh adn hello ")
    assert (field.text, field.shown, recorded()) == ("teh adn hello ", (), 0)


@pytest.mark.parametrize(
    ("purpose", "hints"),
    [
        (Purpose.EMAIL, 0),
        (Purpose.URL, 0),
        (Purpose.PHONE, 0),
        (Purpose.NUMBER, 0),
        (Purpose.NAME, 0),
        (Purpose.FREE_FORM, int(Hint.PRIVATE)),
    ],
)
def test_other_fields_teach_nothing(
    owner: Owner, purpose: int, hints: int, recorded: Callable[[], int]
) -> None:
    """Addresses, numbers, names, and what the program calls private."""
    field = Application(owner)
    field.enter(purpose, hints)
    field.keys("hello you ")
    assert recorded() == 0


@pytest.mark.parametrize("purpose", [Purpose.EMAIL, Purpose.URL, Purpose.NAME])
def test_in_other_fields_all_is_left_as_typed(owner: Owner, purpose: int) -> None:
    """A name is spelled as it is."""
    field = Application(owner)
    field.enter(purpose)
    field.keys("teh adn ")
    assert field.text == "teh adn "


def test_where_spelling_is_not_to_be_checked_words_are_left(
    owner: Owner, recorded: Callable[[], int]
) -> None:
    """They are suggested for, and learnt."""
    field = Application(owner)
    field.enter(0, int(Hint.NO_SPELLCHECK))
    field.keys("see teh")
    assert "the" in field.texts()
    field.keys(" ")
    assert field.text == "see teh "
    assert recorded() == 2


def test_an_application_that_reports_nothing_gets_endings(owner: Owner, recorded: Callable[[], int]) -> None:
    """Suggestions only, and nothing is learnt: it cannot say what it is."""
    field = Application(owner)
    field.enter(client="gtk3-im:game", reports=False)
    field.keys("teh tomo")
    assert field.text == "teh tomo"
    assert "tomo" not in field.texts()
    place = field.texts().index("tomorrow")
    assert field.command(str(place + 1), alt=True)
    assert field.text == "teh tomorrow "
    assert recorded() == 0


def test_a_toolkit_that_tells_of_no_field_gets_suggestions(owner: Owner, recorded: Callable[[], int]) -> None:
    """A terminal may be among its programs: Tab and words stay, nothing is learnt until its user says so."""
    field = Application(owner)
    field.enter(client="QIBusInputContext")
    field.keys("see teh tomo")
    assert "tomorrow" in field.texts()
    assert not field.command("Tab")
    assert (field.text, recorded()) == ("see teh tomo", 0)
    assert owner.keyboard is not None
    owner.keyboard.apps.set("QIBusInputContext", AppProfile())
    field.conversation.refresh()
    field.keys("⌫⌫⌫⌫teh ")
    assert (field.text, recorded()) == ("see teh the ", 1)
    owner.keyboard.apps.remove("QIBusInputContext")


def test_incognito_nothing_is_learnt(field: Application, recorded: Callable[[], int]) -> None:
    """Words are put right; what was typed before it was switched on is learnt still."""
    field.keys("hello ")
    field.owner.set_incognito(True)
    field.conversation.refresh()
    field.keys("you teh ")
    assert field.text == "hello you the "
    assert recorded() == 1
    field.owner.set_incognito(False)
    field.conversation.refresh()
    field.keys("hello ")
    assert recorded() == 2


def test_a_correction_that_comes_too_late_is_offered(tmp_path: Path) -> None:
    """It is taken by a key that text does not need, and not by Tab; nothing else is changed or learnt."""
    owner = Owner(tmp_path / "profile", tmp_path / "ibus.json", key_waits_s=0.0)
    owner.open()
    keyboard, field = owner.keyboard, Application(owner)
    assert keyboard is not None
    field.enter()

    def missed() -> int:
        field.text, field.cursor = "", 0
        field.enter()
        field.keys("see te")
        busy = threading.Event()
        owner._aside.learn(busy.wait)
        field.rattle("h ")
        busy.set()
        field.settle()
        assert (field.text, field.texts()[0]) == ("see teh ", "the")
        return keyboard.status().words_recorded

    learnt = missed()
    assert not field.command("Tab")
    field.keys("a")
    assert (field.text, keyboard.status().words_recorded) == ("see teh a", learnt)
    learnt = missed()
    assert field.command("1", alt=True)
    assert (field.text, keyboard.status().words_recorded) == ("see the ", learnt + 1)
    owner.close()


def test_leaving_a_field_ends_its_word(field: Application, recorded: Callable[[], int]) -> None:
    """It is learnt as it stands; nothing can be changed there any more."""
    field.keys("see hello")
    field.conversation.blur()
    assert recorded() == 2
    assert not field.command("x")


def test_the_text_of_another_field_is_not_this_one(owner: Owner) -> None:
    """IBus may still tell it after a click."""
    first = Application(owner)
    first.enter()
    first.keys("hello teh")
    first.text, first.cursor = "", 0
    first.enter()
    first.conversation.told("hello teh", 9, 9)
    first.keys(" ")
    assert first.text == " "


def test_keys_pass_before_the_profile_is_open(tmp_path: Path) -> None:
    """And where it cannot be opened."""
    owner = Owner(tmp_path / "profile", tmp_path / "ibus.json")
    field = Application(owner)
    field.enter()
    field.keys("teh ⌫⌫x")
    assert field.text == "tex"
    owner.close()
