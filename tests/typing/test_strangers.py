"""What may well be a word that no lexicon has: a few letters, or a name at the start of a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from quietkeys import Personalizer
from quietkeys.prediction.levels import CERTAINTY, COMMON, Level, decided, meant, rivals, surely


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """The shipped bundle, knowing nobody."""
    with Personalizer.open(tmp_path_factory.mktemp("strangers") / "profile") as one:
        yield one


@pytest.mark.parametrize("typed", ["pfp", "dtr", "tfw", "ngl", "nbd", "wfh"])
def test_a_few_strange_letters_are_left_alone(keyboard: Personalizer, typed: str) -> None:
    """As the abbreviations of a circle of friends are."""
    assert keyboard.suggest("", typed).correction is None


@pytest.mark.parametrize(
    ("context", "typed", "expected"),
    [
        ("", "teh", "the"),
        ("i ", "wsa", "was"),
        ("you ", "adn", "and"),
        ("if ", "yuo", "you"),
        ("", "tht", "that"),
        ("the software center is ", "slo", "slow"),
        ("we want to ", "mee", "meet"),
    ],
)
def test_slips_of_short_common_words_are_put_right(
    keyboard: Personalizer, context: str, typed: str, expected: str
) -> None:
    """Where it is clear of which word, be it one that is common after these words alone."""
    assert keyboard.suggest(context, typed).correction == expected


@pytest.mark.parametrize(
    ("context", "typed", "expected"),
    [
        ("the accord was ", "dues", "due"),
        ("pay your ", "dues", None),
        ("a ", "violet", None),
        ("my ", "jeep", None),
        ("", "mum", None),
    ],
)
def test_a_rare_word_is_left_alone_where_it_may_stand(
    keyboard: Personalizer, context: str, typed: str, expected: str | None
) -> None:
    """Where the words before speak against it, it may be a slip as well."""
    assert keyboard.suggest(context, typed).correction == expected


@pytest.mark.parametrize("name", ["Saoirse", "Niamh", "Aoife", "Jayden", "Thiago", "Zuri", "Oetker", "Jaxon"])
def test_a_strange_name_may_start_a_sentence(keyboard: Personalizer, name: str) -> None:
    """It is left alone there as it is within one."""
    assert keyboard.suggest("", name).correction is None
    assert keyboard.suggest("That is all. ", name).correction is None
    assert keyboard.suggest("i was there with ", name).correction is None


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Thnaks", "Thanks"),
        ("Definately", "Definitely"),
        ("Brocoli", "Broccoli"),
        ("Goverment", "Government"),
        ("Febuary", "February"),
        ("Tommorow", "Tomorrow"),
        ("Taht", "That"),
    ],
)
def test_a_slip_at_a_start_is_put_right(keyboard: Personalizer, typed: str, expected: str) -> None:
    """A capital that is due there says nothing."""
    assert keyboard.suggest("", typed).correction == expected


def test_a_level_asks_for_its_certainty_of_strangers_too() -> None:
    """What an eager level puts right a careful one may leave, and off leaves all."""
    probability = np.array([0.01, 0.8, 0.19])  # the literal, the best, another
    said = {
        level: surely(probability, 0, 1, certainty, mine=8.0, others=1.0)
        for level, certainty in CERTAINTY.items()
    }
    assert said == {Level.OFF: False, Level.CAREFUL: False, Level.NORMAL: True, Level.EAGER: True}
    assert all(decided(probability, 0, CERTAINTY[level]) == 1 for level in (Level.CAREFUL, Level.NORMAL))


def test_rare_rivals_and_strange_spellings_weigh_less() -> None:
    """Common words count for what they are; letters that follow no rule are those of an abbreviation."""
    assert rivals(COMMON) == 1.0
    assert rivals(COMMON - 4.0) == pytest.approx(np.exp(-2.0))
    assert meant(-26.0, 3) > meant(-10.0, 3) > 1.0
