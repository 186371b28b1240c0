"""How words are written, judged by texts and word lists."""

from __future__ import annotations

from collections import Counter

import pytest

from tools.model_build.capitals import collect
from tools.model_build.casing import display, displays
from tools.model_build.scowl import Kind, Listed

LISTS = {
    "monday": Listed(10, {"Monday": 10}, frozenset({Kind.UPPER})),
    "may": Listed(10, {"may": 10, "May": 35}, frozenset({Kind.WORDS, Kind.UPPER})),
    "march": Listed(10, {"march": 10, "March": 35}, frozenset({Kind.WORDS, Kind.UPPER})),
    "china": Listed(40, {"china": 50, "China": 40}, frozenset({Kind.WORDS, Kind.UPPER})),
    "tv": Listed(35, {"TV": 35, "Tv": 70}, frozenset({Kind.ABBREVIATIONS})),
    "ok": Listed(35, {"OK": 35}, frozenset({Kind.ABBREVIATIONS})),
    "hotel": Listed(20, {"hotel": 20}, frozenset({Kind.WORDS})),
}


def forms(**counts: int) -> Counter[str]:
    """Return the occurrences of forms."""
    return Counter(counts)


@pytest.mark.parametrize(
    ("word", "seen", "shown"),
    [
        ("i", Counter(), "I"),
        ("i'm", Counter(), "I'm"),
        ("u", forms(U=90), "u"),
        ("monday", Counter(), "Monday"),
        ("may", forms(may=70, May=30), "may"),
        ("march", forms(march=3, March=97), "March"),
        ("china", forms(China=30, china=10), "China"),
        ("tv", forms(TV=9, tv=3), "TV"),
        ("ok", forms(ok=80, OK=20), "ok"),
        ("hotel", forms(Hotel=60, hotel=40), "hotel"),
        ("percival", forms(Percival=9), "Percival"),
        ("lol", forms(lol=40, LOL=5), "lol"),
        ("usbx", forms(UsBx=9), "usbx"),
        ("once", forms(Once=1), "once"),
    ],
)
def test_a_word_is_written_as_the_evidence_says(word: str, seen: Counter[str], shown: str) -> None:
    """Lists decide where texts are silent; in doubt a word is small."""
    assert display(word, seen, LISTS.get(word)) == shown


def test_only_words_within_sentences_count() -> None:
    """Not the first of a sentence or quotation, nor what stands beside capitals."""
    found = collect(['We met Tom. Later he said "Yes" to Anna', "I saw THE BIG One there"], ()).forms
    assert "Later" not in found.get("later", {})
    assert "yes" not in found
    assert found["tom"]["Tom"] == 1
    assert found["anna"]["Anna"] == 1
    assert "one" not in found


def test_lines_that_mind_no_capitals_say_nothing() -> None:
    """Somebody who writes "i" writes "london" too, and who shouts writes "LONDON"."""
    assert collect(["we like london", "i like london", "WE LIKE London A LOT"], ()).forms == {}
    assert collect(["so I like London"], ()).forms["london"] == {"London": 1}


def test_a_possessive_is_written_like_its_owner() -> None:
    """But "it's" is a word of its own."""
    shown = displays(["monday's", "i'll", "hotel's"], {}, LISTS)
    assert shown == {"monday's": "Monday's", "i'll": "I'll", "hotel's": "hotel's"}
