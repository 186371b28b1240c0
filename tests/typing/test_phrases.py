"""Words typed as one, contractions among them, and negations that no correction drops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quietkeys import Personalizer
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.bundle.lexicon import Lexicon
from quietkeys.bundle.phrases import loses_negation, phrases
from quietkeys.prediction.levels import Level
from quietkeys.prediction.model import load_model


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """The shipped bundle, knowing nobody."""
    with Personalizer.open(tmp_path_factory.mktemp("phrases") / "profile") as one:
        yield one


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """The words of the shipped bundle."""
    return load_model(shipped_bundle()).search.lexicon


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("imsure", "I'm sure"),
        ("Imsure", "I'm sure"),
        ("shesnot", "she's not"),
        ("youcant", "you can't"),
        ("dontknow", "don't know"),
        ("idontcare", "I don't care"),
        ("thankbyou", "thank you"),
        ("inthe", "in the"),
    ],
)
def test_words_typed_as_one_are_taken_apart(keyboard: Personalizer, typed: str, expected: str) -> None:
    """Two or three of them, contractions without their apostrophe too."""
    assert keyboard.suggest("", typed).correction == expected


@pytest.mark.parametrize("word", ["together", "wedding", "island", "weirdest", "plant", "cannot", "knot"])
def test_words_with_words_in_them_are_left_alone(keyboard: Personalizer, word: str) -> None:
    """What the lexicon has is one word."""
    assert keyboard.suggest("", word).correction is None


def test_at_most_six_are_weighed(lexicon: Lexicon) -> None:
    """Of the many ways to cut a long run of letters, the ones with the commonest words."""
    found = phrases(lexicon, "therearetoomanyways")
    assert len(found) <= 6
    assert phrases(lexicon, "ab") == []
    assert phrases(lexicon, "idontknow")[0] == "i don't know"


@pytest.mark.parametrize("level", [Level.CAREFUL, Level.NORMAL, Level.EAGER])
@pytest.mark.parametrize(
    "typed",
    [
        "cant",
        "dont",
        "isnt",
        "wont",
        "havnt",
        "dosnt",
        "imnot",
        "mustntve",
        "couldn'tve",
        "shouldnt've",
        "nothere",
    ],
)
def test_a_negation_is_never_dropped(keyboard: Personalizer, typed: str, level: Level) -> None:
    """Whatever is put in place says no, or nothing is."""
    keyboard.level = level
    for context in ("", "you ", "i told them that they "):
        correction = keyboard.suggest(context, typed).correction
        assert correction is None or "n't" in correction or "not" in correction
    keyboard.level = Level.NORMAL


@pytest.mark.parametrize(
    ("typed", "word", "lost"),
    [
        ("dont", "do", True),
        ("dont", "don't", False),
        ("wont", "want", True),
        ("wouldntve", "would've", True),
        ("idontknow", "i know", True),
        ("isnot", "is", True),
        ("wasnnt", "was", True),
        ("importnt", "important", False),
        ("noticable", "noticeable", False),
        ("nother", "another", False),
        ("wnat", "want", False),
        ("want", "wants", False),
        ("wonted", "wanted", False),
        ("applicnt", "applicant", False),
        ("differant", "different", False),
        ("insistant", "insistent", False),
    ],
)
def test_what_carries_a_negation(lexicon: Lexicon, typed: str, word: str, lost: bool) -> None:
    """A negation without its apostrophe, and what begins or ends with one; no word that only looks so."""
    assert loses_negation(lexicon, typed, word) is lost
