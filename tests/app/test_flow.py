"""Text in lines: nothing is lost, nothing is too wide, and the cursor finds its way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quietkeys_keyboard.presenters.flow import flow

EMOJI = {"😀", "🎂"}
TEXTS = st.text(st.sampled_from("ab  c😀🎂d"), max_size=60)


def measure(text: str) -> float:
    """Ten for a character."""
    return 10.0 * len(text)


@given(TEXTS, st.integers(10, 300))
def test_every_character_has_its_place(text: str, width: int) -> None:
    """Pieces are the text, in order; only blanks and single characters are wider than a line."""
    found = flow(text, width, measure, EMOJI, 12.0)
    assert "".join(piece.text for piece in found.pieces) == text
    assert [piece.start for piece in found.pieces] == sorted({piece.start for piece in found.pieces})
    for piece in found.pieces:
        assert piece.line < found.lines
        assert piece.text.isspace() or len(piece.text) == 1 or piece.x + piece.width <= width


@given(TEXTS, st.integers(20, 300))
def test_a_touch_where_the_cursor_stands_puts_it_there(text: str, width: int) -> None:
    """Or at the same place on the screen, where two indexes share one."""
    found = flow(text, width, measure, EMOJI, 12.0)
    for index in range(len(text) + 1):
        x, line = found.place(index)
        assert found.place(found.index(x, line)) == (x, line) or found.index(x, line) in {index, index - 1}


def test_words_go_to_the_next_line_whole() -> None:
    """And a long one is cut."""
    found = flow("aaa bbb", 50, measure, EMOJI, 12.0)
    assert [(piece.text, piece.line) for piece in found.pieces] == [("aaa", 0), (" ", 0), ("bbb", 1)]
    assert [(piece.text, piece.line) for piece in flow("aaaaaaa", 50, measure, EMOJI, 12.0).pieces] == [
        ("aaaaa", 0),
        ("aa", 1),
    ]


def test_a_touch_far_below_is_the_end() -> None:
    """As is one to the right of everything."""
    found = flow("aaa bbb", 50, measure, EMOJI, 12.0)
    assert found.index(0, 9) == 7
    assert found.index(500, 0) == 4
