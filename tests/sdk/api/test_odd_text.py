"""Whatever text an app hands over, suggesting and recording answer, on the bundle that is shipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quietkeys import Personalizer, Suggestions
from tests.sdk import small

STRIP: Final = 3
WORDS: Final = (
    *(
        "the",
        "teh",
        "wnat",
        "dont",
        "I",
        "i",
        "i'm",
        "IDs",
        "NASA",
        "iPhone",
        "Anna",
        "anna",
        "monday",
        "cafe",
    ),
    *("U.S.", "e.g.", "a.m.", "w/o", "hi-fi", "'tis", "goin'", "imnot", "5kg", "2nd", "$5", "#tag", "@me"),
    *(
        "a/b",
        "http://x.y",
        "www.x.com",
        "x@y.z",
        "readme.md",
        "naïve",
        "don’t",
        "‘em",
        "cafe\u0301",
        "İstanbul",
    ),
    *("ﬁne", "ŉ", "Straße", "\u212aelvin", "ſo", "Ⅷ", "中文", "שלום", "١٢", "ok", "lol", "sooooo", "pin is"),
)
ODD: Final = (
    *".'’‘`-_/\\@#!?\"()[]{}<>:;,…•—–*~^|%&=+",
    *"\u00a0\u2028\u2029\x85\x0b\x0c\x1c\x00\x1b\x7f\u200b\u200c\u200d\ufeff\u202e\u2066\u00ad\u034f\ufe0f\u0301\u0327",
    *(
        "😀",
        "👩\u200d👩\u200d👧",
        "🇩🇪",
        "1\ufe0f\u20e3",
        "\ud800",
        "\udfff",
        "\U0010ffff",
        "\n",
        "\r\n",
        "\t",
        " ",
    ),
)

_ATOM: Final = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(ODD),
    st.text(max_size=6),
    st.builds(lambda one, times: one * times, st.sampled_from((*ODD, *WORDS)), st.integers(2, 60)),
)
TOKEN: Final = st.lists(_ATOM, min_size=1, max_size=4).map("".join)
TEXT: Final = st.lists(st.tuples(_ATOM, st.sampled_from(("", " ", " ", "\n"))), max_size=8).map(
    lambda parts: "".join(atom + gap for atom, gap in parts)
)


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """A keyboard that keeps what one example has taught it."""
    folder = tmp_path_factory.mktemp("odd") / "profile"
    with Personalizer.open(folder, protection=small.PROTECTION) as one:
        yield one


def check(shown: Suggestions, typed: str) -> None:
    """What is shown are a few different tokens, what was typed and what a space will insert among them."""
    assert all(isinstance(entry, str) for entry in shown.strip)
    assert len(set(shown.strip)) == len(shown.strip) <= STRIP
    assert all(entry and entry == entry.strip() for entry in shown.strip)
    literal = typed.split()[-1:]
    assert set(literal) <= set(shown.strip)
    if shown.correction is not None:
        assert shown.correction in shown.strip
        assert [shown.correction] != literal


@example("", "i")
@example("see you ", "tomorow ")
@example("\ud800", "\udfff")
@example("the ", "cafe\u0301")
@example("3", "kg")
@given(context=TEXT, typed=TEXT | TOKEN)
def test_any_text_is_answered(keyboard: Personalizer, context: str, typed: str) -> None:
    """Controls, halves of characters, marks without letters, scripts of any kind: there is a strip."""
    check(keyboard.suggest(context, typed), typed)


@example("the ", "teh", "the")
@example("\ud800", "\udfff", "\x00")
@given(context=TEXT, typed=TEXT | TOKEN, kept=TEXT | TOKEN)
def test_any_text_is_recorded_and_taken_back(
    keyboard: Personalizer, context: str, typed: str, kept: str
) -> None:
    """It is learnt or left out, never an error; what was counted is gone once it is taken back."""
    before = keyboard.status().words_recorded
    receipt = keyboard.record(context, typed, kept)
    check(keyboard.suggest(context, typed), typed)
    keyboard.undo(receipt)
    assert keyboard.status().words_recorded <= before
    keyboard.record(context, typed, kept)
    check(keyboard.suggest(f"{context}{kept} ", typed), typed)
