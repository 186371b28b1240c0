"""`Mirror`: a host that reports late, oddly, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quietkeys.typing import Edit, Mirror, Surroundings


def here(text: str) -> Surroundings:
    """A text with the cursor at |, or at its end."""
    before, _, after = text.partition("|")
    return Surroundings(before, after)


def begun(text: str = "x") -> Mirror:
    """A mirror that knows a text."""
    found = Mirror()
    found.typed(text[-1])
    assert found.told(here(text)) == text[-1]
    found.did(Edit(insert=text[-1]))
    found.told(here(text))
    return found


def test_nothing_is_known_until_a_character_comes_back() -> None:
    """The text of the field before may still be reported, and what is selected is not."""
    mirror = Mirror()
    mirror.told(here("the field before"))
    assert mirror.here is None
    mirror.typed("a")
    mirror.typed("b")
    assert mirror.told(here("the field before")) == ""
    assert mirror.told(here("see a|")) == "ab"
    assert mirror.here == here("see ")


def test_what_was_typed_again_begins_with_the_word() -> None:
    """What stands before it was typed here as well, but is no word that is under way."""
    mirror = Mirror()
    for character in "to go":
        mirror.typed(character)
    assert mirror.told(here("we to g")) == "go"
    assert mirror.here == here("we to ")


def test_a_text_is_expected_ahead_of_reports() -> None:
    """Late reports confirm it; nothing is to be deleted before all have come."""
    mirror = begun()
    assert mirror.is_sure
    for character in "abcdef":
        mirror.did(Edit(insert=character))
    for text, sure in [("xabc", False), ("xabcde", False), ("xabcdef", True)]:
        mirror.told(here(text))
        assert (mirror.here, mirror.is_sure) == (here("xabcdef"), sure)


def test_a_change_may_be_reported_in_pieces() -> None:
    """What was deleted first, then what was inserted."""
    mirror = begun("teh")
    mirror.did(Edit(3, 0, "the "))
    for text in ("teh", "", "the "):
        mirror.told(here(text))
        assert mirror.here == here("the ")


def test_a_host_that_did_something_by_itself_is_not_counted_upon() -> None:
    """Until the next character comes back."""
    mirror = begun("go")
    mirror.did(Edit(insert="o"))
    mirror.told(here("goo|gle"))
    assert mirror.here is None
    assert not mirror.is_sure


def test_a_host_that_did_not_delete_is_found_out() -> None:
    """It is not asked to again."""
    mirror = begun("teh")
    mirror.did(Edit(3, 0, "the "))
    mirror.told(here("tehthe "))
    assert not mirror.deletes


def test_a_host_may_report_a_window_of_its_text() -> None:
    """That moves on."""
    mirror = begun("a" * 80)
    mirror.did(Edit(insert="b"))
    mirror.told(here("a" * 70 + "b"))
    assert mirror.here == here("a" * 70 + "b")


def test_a_host_that_never_reports_is_followed_all_the_same() -> None:
    """From an empty text on; it is never sure."""
    mirror = Mirror()
    mirror.begin()
    for character in "one two " * 40:
        mirror.did(Edit(insert=character))
        mirror.settle()
    assert mirror.here is not None
    assert mirror.here.before.endswith("one two ")


def test_a_host_that_stopped_reporting_is_given_up() -> None:
    """What is remembered of it does not grow."""
    mirror = begun()
    for _ in range(1000):
        mirror.did(Edit(insert="a"))
    assert mirror.here is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b", " ", "⌫"]), st.integers(0, 6)), max_size=60))
def test_reports_in_order_never_mislead(steps: list[tuple[str, int]]) -> None:
    """However late they are, what is expected is what the host will hold."""
    mirror, text = begun("a"), "a"
    waiting = ["a"]
    for key, reports in steps:
        edit = Edit(1) if key == "⌫" else Edit(insert=key)
        if key == "⌫" and not text:
            continue
        mirror.did(edit)
        text = edit.applied(Surroundings(text)).before
        waiting.append(text)
        for _ in range(reports):
            if waiting:
                mirror.told(here(waiting.pop(0)))
        assert mirror.here is None or mirror.here == here(text)
