"""When a word that can be a name is written as one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quietkeys.bundle.lexicon import Lexicon, WordTables
from quietkeys.bundle.networks import CLASSES
from tools.model_build.capitals import Casing, capitals, collect
from tools.model_build.casing import displays
from tools.model_build.scowl import Kind, Listed

WORDS = frozenset({Kind.WORDS})
NAMES = frozenset({Kind.WORDS, Kind.NAMES})
LISTS = {
    "monday": Listed(10, {"Monday": 10}, frozenset({Kind.UPPER})),
    "march": Listed(10, {"march": 10, "March": 35}, NAMES),
    "baker": Listed(35, {"baker": 35, "Baker": 50}, NAMES),
    "husky": Listed(35, {"husky": 35, "Husky": 80}, NAMES),
    "john": Listed(10, {"John": 10, "john": 40}, NAMES),
    "german": Listed(40, {"German": 40, "german": 70}, NAMES),
    "yolo": Listed(80, {"Yolo": 80}, frozenset({Kind.UPPER})),
    "fyi": Listed(35, {"FYI": 35}, frozenset({Kind.ABBREVIATIONS})),
    "nan": Listed(50, {"Nan": 50}, frozenset({Kind.NAMES})),
    "tv": Listed(35, {"TV": 35}, frozenset({Kind.ABBREVIATIONS})),
    "rn": Listed(40, {"RN": 40}, frozenset({Kind.ABBREVIATIONS})),
    "ai": Listed(50, {"AI": 50, "ai": 70}, frozenset({Kind.ABBREVIATIONS, Kind.WORDS})),
    **{word: Listed(10, {word: 10}, WORDS) for word in ("we", "in", "the", "my", "mr", "house", "town")},
}
WRITTEN = Casing(
    {
        "monday": Counter(Monday=90, monday=10),
        "march": Counter(March=90, march=4),
        "baker": Counter(Baker=9, baker=3),
        "husky": Counter(Husky=30),
        "john": Counter(John=300, john=2),
        "nan": Counter(Nan=1),
        "german": Counter(German=30, german=3),
        "fyi": Counter(FYI=9, fyi=6),
        "tv": Counter(TV=30, tv=9),
        "ai": Counter(AI=30),
        "house": Counter(house=90, House=30),
    },
    named={"in": 900, "the": 300, "we": 1, "my": 40, "mr": 30, "john": 40},
    small={"in": 900, "the": 3000, "we": 400, "my": 900, "mr": 1, "john": 4},
)


def lexicon(words: tuple[str, ...] = tuple(LISTS), written: Casing = WRITTEN) -> Lexicon:
    """Return the words as the build would write them."""
    display, odds, after = capitals(words, written, LISTS, displays(words, written.forms, LISTS))
    size = len(words) + 2
    tables = WordTables(
        log_frequency=np.full(size, -5.0, np.float32),
        symbol=np.full(size, -1, np.int32),
        offensive=np.zeros(size, np.bool_),
        outside=np.full(len(CLASSES), 0.5, np.float32),
        capital=np.concatenate([[0, 0], odds]).astype(np.float32),
        name_after=np.concatenate([[0, 0], after]).astype(np.float32),
    )
    return Lexicon.build(("<s>", "<unk>", *display), tables)


@pytest.mark.parametrize(
    ("previous", "word", "shown"),
    [
        ("", "monday", "Monday"),
        ("the", "monday", "Monday"),
        ("in", "march", "March"),
        ("we", "march", "march"),
        ("the", "march", "march"),
        ("", "march", "march"),
        ("mr", "baker", "Baker"),
        ("john", "baker", "Baker"),
        ("the", "baker", "baker"),
        ("the", "husky", "husky"),
        ("the", "john", "John"),
        ("my", "nan", "nan"),
        ("mr", "nan", "Nan"),
        ("my", "german", "German"),
        ("", "yolo", "yolo"),
        ("", "fyi", "fyi"),
        ("the", "tv", "TV"),
        ("in", "rn", "rn"),
        ("in", "ai", "ai"),
        ("mr", "house", "house"),
        ("zork", "town", "town"),
    ],
)
def test_a_word_has_its_capital_where_it_is_surely_a_name(previous: str, word: str, shown: str) -> None:
    """What lists have with a capital alone keeps it; the others need a word before them that says so."""
    assert lexicon().shown(word, previous) == shown


def test_the_words_of_a_phrase_are_each_judged_after_the_one_before() -> None:
    """So the two words of a phrase are written as they would be one after the other."""
    assert lexicon().shown("mr baker") == "mr Baker"
    assert lexicon().shown("march monday", "in") == "March Monday"


def test_a_possessive_is_written_like_its_owner() -> None:
    """Somebody's as somebody."""
    assert lexicon(("mr", "baker's", "monday's")).shown("baker's", "mr") == "Baker's"
    assert lexicon(("mr", "baker's", "monday's")).shown("monday's") == "Monday's"


def test_what_can_be_a_name_and_what_mostly_is_one() -> None:
    """A capital of a word that mostly is a name says more at the start of a sentence than that of another."""
    words = lexicon()
    assert words.is_name("john")
    assert words.is_name("march")
    assert not words.is_name("town")
    assert not words.is_name("zork")


def test_words_before_names_are_counted_but_not_before_the_commonest() -> None:
    """Small words that are no nouns say nothing of where nouns stand."""
    found = collect(["So we met Tom in Paris", "So we saw it in town"], {"it", "in"})
    assert found.named == {"met": 1, "in": 1}
    assert found.small["in"] == 1
    assert "saw" not in found.small
