"""What a user can do with words: list, add, forget, leave alone, hide, replace."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import product

import pytest

from quietkeys import ErrorCode, Level, Personalizer, Refused
from quietkeys.api.vocabulary import MAX_EXAMPLES, Vocabulary
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import everything_in


def test_words_are_listed_with_their_counts(keyboard: Personalizer) -> None:
    """The most used first; own words are told from those of the bundle."""
    for word in ("you", "people", "you"):
        keyboard.record("", word, word)
    keyboard.vocabulary.add("Brokling")
    listed = [(word.text, round(word.count), word.own) for word in keyboard.vocabulary.words()]
    assert listed[0] == ("you", 2, False)
    assert set(listed[1:]) == {("people", 1, False), ("brokling", 1, True)}


def test_an_added_word_is_suggested_at_once(rig: Rig) -> None:
    """It need not be kept first, it is not corrected, and it outlives a restart."""
    with rig.open() as keyboard:
        keyboard.vocabulary.add("brokling")
    with rig.open() as keyboard:
        assert "brokling" in keyboard.suggest("my", "brkling").strip
        assert keyboard.suggest("my", "brokling").correction is None


def test_a_forgotten_word_is_gone_for_good(rig: Rig) -> None:
    """No file has its letters, no list names it, keeping it teaches nothing; adding it does."""
    with rig.open() as keyboard:
        vocabulary = keyboard.vocabulary
        vocabulary.add("brokling")
        vocabulary.never_correct("brokling")
        vocabulary.always_replace("brk", "my brokling")
        vocabulary.always_replace("you", "thou")
        vocabulary.forget("Brokling")
        assert (vocabulary.never_corrected(), vocabulary.replacements()) == ((), {"you": "thou"})
    assert b"brokling" not in everything_in(rig.folder / "profile")
    for _ in range(2):
        with rig.open() as keyboard:
            for _ in range(3):
                keyboard.record("my", "brokling", "brokling")
            assert keyboard.vocabulary.words() == ()
    with rig.open() as keyboard:
        keyboard.vocabulary.add("brokling")
        assert [word.text for word in keyboard.vocabulary.words()] == ["brokling"]


def test_a_never_corrected_word_is_left_alone(rig: Rig) -> None:
    """In any case; the list outlives a restart, and a word can be taken off it."""
    with rig.open() as keyboard:
        keyboard.vocabulary.never_correct("Peopke")
        assert keyboard.suggest("they", "peopke").correction is None
    with rig.open() as keyboard:
        assert keyboard.vocabulary.never_corrected() == ("peopke",)
        assert keyboard.suggest("they", "PEOPKE").correction is None
        keyboard.vocabulary.never_correct("peopke", never=False)
        assert keyboard.suggest("they", "peopke").correction == "people"


@pytest.mark.parametrize(("context", "typed"), [("they", "peopke"), ("they", "peop"), ("some", "peopke")])
def test_a_word_that_is_never_suggested_is_not_shown(rig: Rig, context: str, typed: str) -> None:
    """Neither as a correction nor in the strip, over a restart too, until it is taken off the list."""
    with rig.open() as keyboard:
        assert "people" in keyboard.suggest(context, typed).strip
        keyboard.vocabulary.never_suggest("People")
    with rig.open() as keyboard:
        shown = keyboard.suggest(context, typed)
        assert keyboard.vocabulary.never_suggested() == ("people",)
        assert "people" not in (*shown.strip, shown.correction)
        assert typed in shown.strip
        keyboard.vocabulary.never_suggest("people", never=False)
        assert "people" in keyboard.suggest(context, typed).strip


def test_a_word_that_is_never_suggested_may_be_typed(keyboard: Personalizer) -> None:
    """Then it stands in the strip, and nothing is put in its place."""
    keyboard.vocabulary.never_suggest("people")
    shown = keyboard.suggest("they", "people")
    assert shown.strip[0] == "people"
    assert shown.correction is None


def test_a_word_that_is_never_suggested_does_not_come_next(keyboard: Personalizer) -> None:
    """Another takes its place among the next words."""
    first = keyboard.suggest("see you", "").strip[0]
    keyboard.vocabulary.never_suggest(first)
    offered = keyboard.suggest("see you", "").strip
    assert first not in offered
    assert len(set(offered)) == 3


def test_a_space_is_not_taken_out_for_a_hidden_word(keyboard: Personalizer) -> None:
    """Where "sent ence" would become one word, it no longer does."""
    assert keyboard.suggest("sent ", "ence").merged == "sentence"
    keyboard.vocabulary.never_suggest("sentence")
    assert keyboard.suggest("sent ", "ence").merged is None


@pytest.mark.parametrize(
    ("text", "typed", "wanted"),
    [
        ("on my way", "omw", "on my way"),
        ("on my way", "Omw", "On my way"),
        ("on my way", "OMW", "ON MY WAY"),
        ("on my way", "“omw!”", "“on my way!”"),
        ("on my way", "well...omw", "well...on my way"),
        ("Oh My Word", "OMW", "Oh My Word"),
        ("OMW", "omw", "OMW"),
        ("omW", "Omw", "omW"),
        ("omW", "omW", None),
    ],
)
def test_a_replacement_is_the_correction(
    keyboard: Personalizer, text: str, typed: str, wanted: str | None
) -> None:
    """In the case of what was typed unless it has one of its own; what was typed can still be kept."""
    keyboard.vocabulary.always_replace("omw", text)
    shown = keyboard.suggest("I am", typed)
    assert shown.correction == wanted
    assert typed in shown.strip
    if wanted is not None:
        assert shown.strip[0] == wanted
    assert len(set(shown.strip)) == len(shown.strip) <= 3


def test_a_replacement_is_made_at_every_level(rig: Rig) -> None:
    """Also for a known word, an own word and a name, and also when autocorrect is off; it can be ended."""
    with rig.open() as keyboard:
        keyboard.level = Level.OFF
        keyboard.vocabulary.add("brokling")
        for typed in ("people", "brokling"):
            keyboard.vocabulary.always_replace(typed, "folk")
    with rig.open() as keyboard:
        for typed, wanted in (("people", "folk"), ("brokling", "folk"), ("People", "Folk")):
            assert keyboard.suggest("they", typed).correction == wanted
        assert keyboard.vocabulary.replacements() == {"brokling": "folk", "people": "folk"}
        keyboard.vocabulary.stop_replacing("People")
        assert keyboard.suggest("they", "people").correction is None


def test_the_latest_wish_for_a_word_counts(keyboard: Personalizer) -> None:
    """A word that is replaced is not one to leave alone, and the other way round."""
    vocabulary = keyboard.vocabulary
    vocabulary.never_correct("peopke")
    vocabulary.always_replace("peopke", "folk")
    assert vocabulary.never_corrected() == ()
    assert keyboard.suggest("they", "peopke").correction == "folk"
    vocabulary.never_correct("peopke")
    assert vocabulary.replacements() == {}
    assert keyboard.suggest("they", "peopke").correction is None


CALLS: list[Callable[[Vocabulary, str], None]] = [
    Vocabulary.never_correct,
    Vocabulary.never_suggest,
    Vocabulary.stop_replacing,
    lambda vocabulary, text: vocabulary.always_replace(text, "x"),
]


NO_WORDS: list[str] = ["", "two words", "12:30", "bob@mail.test", "x" * 25]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        *product(CALLS, [*NO_WORDS, "mother-in-law"]),
        *product([Vocabulary.add, Vocabulary.forget], [*NO_WORDS, "2024", "a--b", "a_b"]),
    ],
)
def test_what_is_no_word_is_refused(
    keyboard: Personalizer, call: Callable[[Vocabulary, str], None], text: str
) -> None:
    """Nor can it be added or forgotten; the error says what a word is, and does not repeat what was given."""
    with pytest.raises(Refused) as caught:
        call(keyboard.vocabulary, text)
    assert caught.value.code is ErrorCode.WORD_MALFORMED
    assert not text or text not in str(caught.value)
    assert keyboard.vocabulary.words() == ()


@pytest.mark.parametrize(
    ("added", "begun", "typed"),
    [
        ("brökling", "brö", "brökling"),
        ("wi-fi", "wi-", "wi-fi"),
        ("B2B", "b2", "b2b"),
        ("Łódź", "łód", "Łódź"),
    ],
)
def test_words_beyond_a_to_z_can_be_added(rig: Rig, added: str, begun: str, typed: str) -> None:
    """They are completed and left alone as they are typed, until they are forgotten."""
    with rig.open() as keyboard:
        keyboard.vocabulary.add(f"“{added}”")
    with rig.open() as keyboard:
        assert added in keyboard.suggest("see", begun).strip
        assert f"({added}" in keyboard.suggest("see", f"({begun}").strip
        shown = keyboard.suggest("see", typed)
        assert (typed in shown.strip, shown.correction) == (True, None)
        assert [word.text for word in keyboard.vocabulary.words()] == [added.lower()]
        keyboard.vocabulary.forget(added)
        assert added not in keyboard.suggest("see", begun).strip
    assert added.encode() not in everything_in(rig.folder / "profile")


def test_an_added_word_is_known_in_decomposed_text(keyboard: Personalizer) -> None:
    """As macOS gives it; what comes out has the form that went in."""
    keyboard.vocabulary.add("brökling")
    word = unicodedata.normalize("NFD", "brökling")
    assert word in keyboard.suggest("see", word[:4]).strip
    assert keyboard.suggest("see", word).correction is None


def test_a_hidden_word_hides_its_inflections(keyboard: Personalizer) -> None:
    """Regular ones, which the list does not name; words that only begin like it are shown."""
    keyboard.vocabulary.never_suggest("learn")
    hidden = keyboard._opened.preferences.current.hidden
    assert {"learn", "learns", "learned", "learning", "learner", "learn's"} <= set(hidden)
    assert "lean" not in hidden
    assert keyboard.vocabulary.never_suggested() == ("learn",)


@pytest.mark.parametrize("text", ["", " ", " on my way", "on\nmy way", "x" * 101])
def test_what_cannot_be_put_in_is_refused(keyboard: Personalizer, text: str) -> None:
    """A replacement is one line without space around it, of a hundred characters at most."""
    with pytest.raises(Refused) as caught:
        keyboard.vocabulary.always_replace("omw", text)
    assert caught.value.code is ErrorCode.WORD_MALFORMED
    assert keyboard.vocabulary.replacements() == {}


def test_what_an_app_keeps_of_last_words_is_its_own(rig: Rig) -> None:
    """It outlives a restart, sealed; it goes with any word that is forgotten, with "" and with a wipe."""
    with rig.open() as keyboard:
        keyboard.vocabulary.keep_examples("my brokling")
    files = [path for path in (rig.folder / "profile").rglob("*") if path.is_file()]
    assert all(b"brokling" not in path.read_bytes() for path in files)
    assert b"brokling" in everything_in(rig.folder / "profile")  # with its key
    with rig.open() as keyboard:
        vocabulary = keyboard.vocabulary
        assert vocabulary.examples() == "my brokling"
        assert "brokling" not in keyboard.suggest("my", "brokl").strip
        vocabulary.forget("other")
        assert vocabulary.examples() == ""
        for remove in (lambda: vocabulary.keep_examples(""), keyboard.forget):
            vocabulary.keep_examples("my brokling")
            remove()
            assert vocabulary.examples() == ""
        with pytest.raises(Refused) as refused:
            vocabulary.keep_examples("x" * (MAX_EXAMPLES + 1))
        assert refused.value.code is ErrorCode.WORD_MALFORMED
