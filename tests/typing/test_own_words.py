"""What is the user's own with the shipped bundle: inflections, slips among own words, spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietkeys import Personalizer
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.own_words import inflected_like, inflections

PLACES = ("i think ", "is that ", "we like ", "and the ")


@pytest.fixture(scope="module")
def model() -> Model:
    """The shipped bundle's model."""
    return load_model(shipped_bundle())


def typing(folder: Path, *kept: str) -> Personalizer:
    """Return a keyboard whose user has kept each of these words six times, over three sessions."""
    keyboard = Personalizer.open(folder / "profile")
    for _ in range(3):
        for word in kept:
            for place in PLACES[:2]:
                keyboard.record(place, word, word)
        keyboard._model.recorder.begin_session()
    return keyboard


@pytest.mark.parametrize(
    ("word", "made", "not_made"),
    [
        ("zorb", "zorb's zorb'll zorbs zorbed zorbing zorber", "zorbbed zorbes"),
        ("vibe", "vibes vibed vibing viber", "vibeing vibeed"),
        ("grok", "grokked grokking groks", "groked"),
        ("travel", "travelled traveled travelling traveling", "travells"),
        ("skiby", "skibies skibied skibying", "skibys skibyed"),
        ("play", "plays played playing", "plaies"),
        ("box", "boxes boxed boxing", "boxs boxxed"),
        ("agree", "agreed agreeing", "agreing"),
        ("the", "the's", "thing thed"),
        ("qi", "qi's", "qis qiing"),
    ],
)
def test_inflections_are_those_of_regular_english(word: str, made: str, not_made: str) -> None:
    """An "e" drops, a "y" changes, a last letter doubles, as their words show."""
    found = inflections(word)
    assert set(made.split()) <= found
    assert not set(not_made.split()) & found


def test_a_name_has_no_past() -> None:
    """Only a plural, and what it owns."""
    assert inflections("aoife", is_name=True) == {"aoife's", "aoife'd", "aoife'll", "aoife'", "aoifes"}


@pytest.mark.parametrize(
    ("stem", "shown", "word", "expected"),
    [
        ("openbsd", "OpenBSD", "openbsd's", "OpenBSD's"),
        ("vibe", "VIBE", "vibing", "VIBing"),
        ("zorby", "Zorby", "zorbies", "Zorbies"),
    ],
)
def test_an_inflection_is_written_like_its_stem(stem: str, shown: str, word: str, expected: str) -> None:
    """In its case, as far as it is the same."""
    assert inflected_like(stem, shown, word) == expected


@pytest.mark.parametrize(
    ("kept", "typed", "expected"),
    [
        ("zorb", "zorbs", None),
        ("zorb", "zorbed", None),
        ("zorb", "zorbing", None),
        ("aoife", "aoife's", None),
        ("aoife", "Aoife's", None),
        ("Aoife", "Aoife's", None),
        ("Aoife", "aoife's", "Aoife's"),
        ("Aoife", "aoife", "Aoife"),
        ("Aoife", "aiofe", "Aoife"),
        ("OpenBSD", "openbsd", "OpenBSD"),
        ("fyi", "fyi", None),
        ("iphone", "iphone", None),
    ],
)
def test_an_own_word_is_known_with_its_inflections(
    tmp_path: Path, kept: str, typed: str, expected: str | None
) -> None:
    """They are left alone, or take the capitals that its user gives it; a case kept before stays."""
    with typing(tmp_path, kept) as keyboard:
        shown = keyboard.suggest("is that ", typed)
        assert shown.correction == expected
        assert expected is None or expected in shown.strip


@pytest.mark.parametrize(
    ("kept", "typed"), [("teh", "tej"), ("teh", "te"), ("recieve", "recive"), ("freind", "freidn")]
)
def test_a_learnt_slip_is_left_alone_and_never_offered(tmp_path: Path, kept: str, typed: str) -> None:
    """Neither as a correction nor in the strip, and not as the next word; unless it was added by hand."""
    with typing(tmp_path, kept) as keyboard:
        shown = keyboard.suggest("i think ", typed)
        assert kept not in (*shown.strip, shown.correction)
        assert kept not in keyboard.suggest("is that ", "").strip
        assert keyboard.suggest("i think ", kept).correction is None
        keyboard.vocabulary.add(kept)
        assert keyboard._model.predictor.offers(kept)


@pytest.mark.parametrize(("kept", "often", "offered"), [(19, 0, False), (20, 0, True), (25, 25, False)])
def test_what_is_kept_again_and_again_is_no_slip(
    tmp_path: Path, kept: int, often: int, offered: bool
) -> None:
    """Where the word that it may be a slip of is kept less often."""
    with typing(tmp_path, "teh") as keyboard:
        memory = keyboard._model.predictor.memory
        for word in ["teh"] * (kept - round(memory.count(("teh",)))) + ["the"] * often:
            memory.learn("", "please", word)
        assert keyboard._model.predictor.offers("teh") is offered


def test_names_and_words_near_common_ones_are_no_slips(tmp_path: Path) -> None:
    """What has a capital is a name; what is spelled as no slip would be is a word."""
    names, words = ("Anya", "Yeh", "Didi"), ("zorb", "kat", "jaxon", "bex", "niamh", "lmk")
    with typing(tmp_path, *names, *words) as keyboard:
        for word in (*names, *words):
            assert keyboard._model.predictor.offers(word.lower())
        assert "Anya" in keyboard.suggest("i think ", "anyx").strip


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("colour", "color"),
        ("organise", "organize"),
        ("analysed", "analyzed"),
        ("theatre", "theater"),
        ("catalogue", "catalog"),
        ("travelling", "traveling"),
    ],
)
def test_british_and_american_spellings_are_told_by_rule(model: Model, british: str, american: str) -> None:
    """Where both are words; each is the other spelling of the other."""
    lexicon = model.search.lexicon
    assert (lexicon.side(british), lexicon.side(american)) == (1, -1)
    assert (lexicon.other_spelling(british), lexicon.other_spelling(american)) == (american, british)


@pytest.mark.parametrize(
    "word", ["four", "your", "prise", "wise", "enter", "vogue", "filling", "doctor", "zorbour"]
)
def test_words_that_only_look_like_a_spelling_have_no_side(model: Model, word: str) -> None:
    """There is no other word, or it is another word."""
    assert model.search.lexicon.side(word) == 0


def test_words_are_offered_as_their_user_spells(tmp_path: Path) -> None:
    """Other words than the one that was kept, too; what is typed in the other spelling is left alone."""
    with typing(tmp_path) as keyboard:
        fresh = keyboard.suggest("my ", "neighb").strip
        for _ in range(4):
            receipts = [keyboard.record("the ", word, word) for word in ("colour", "centre")]
        assert "neighbour" in keyboard.suggest("my ", "neighb").strip
        assert "theatre" in keyboard.suggest("the ", "theatr").strip
        assert keyboard.suggest("my ", "favor").correction is None
        assert len(receipts) == 2
    with typing(tmp_path / "other", "color", "center") as keyboard:
        assert "neighbour" not in keyboard.suggest("my ", "neighb").strip
        assert fresh[0] in keyboard.suggest("my ", "neighb").strip


def test_a_phrase_typed_twenty_times_is_offered(tmp_path: Path) -> None:
    """On a profile that knows nothing else."""
    phrase = ["see", "you", "at", "the", "allotment"]
    with Personalizer.open(tmp_path / "profile") as keyboard:
        for _ in range(20):
            for place, word in enumerate(phrase):
                keyboard.record(" ".join(phrase[:place]), word, word)
        assert "allotment" in keyboard.suggest("see you at the ", "").strip
