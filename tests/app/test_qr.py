"""QR codes grow with what they say, and what is too long for a screen is refused."""

from __future__ import annotations

import pytest

from quietkeys_keyboard.presenters.qr import qr_code

FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]


@pytest.mark.parametrize(("length", "side"), [(1, 21), (14, 21), (15, 25), (122, 45), (412, 77)])
def test_a_code_is_as_large_as_its_text_needs(length: int, side: int) -> None:
    """Square, 17 modules and 4 a version (ISO/IEC 18004, level M), with a finder in three corners."""
    rows = ["".join("1" if dark else "0" for dark in row) for row in qr_code("x" * length)]
    assert (len(rows), {len(row) for row in rows}) == (side, {side})
    assert [row[:7] for row in rows[:7]] == [row[-7:] for row in rows[:7]] == FINDER
    assert [row[:7] for row in rows[-7:]] == FINDER


def test_other_texts_are_other_codes() -> None:
    """Of one length."""
    assert qr_code("a" * 20) != qr_code("b" * 20)


def test_what_is_too_long_is_refused() -> None:
    """More than version 15 holds, and more than any does."""
    for length in (413, 10_000):
        with pytest.raises(ValueError, match="too long"):
            qr_code("x" * length)
