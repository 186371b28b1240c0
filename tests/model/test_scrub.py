"""What is removed from training text, and how nicknames are told from words."""

from __future__ import annotations

import pytest

from tools.model_build import scrub


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("see http://a.example/x?y=1 now", "see # now"),
        ("go to www.a.example/b or a.com please", "go to # or # please"),
        ("write to me.you@example.org today", "write to # today"),
        ("edit /etc/fstab and ~/notes then ./run", "edit # and # then #"),
        ("@someone read the #topic", "# read the #"),
        ("I have 42 apples, 3x more", "i have # apples # more"),
        ("well--actually...no, either/or", "well actually no either or"),
        ("It works.So nice", "it works | so nice"),
        ("(laughs) don't stop (incoherent shouting)", "don't stop"),
        ("What? Yes! ok", "what | yes | ok"),
        ("<b>bold</b> move", "# bold # move"),
    ],
)
def test_a_line_becomes_its_words(line: str, words: str) -> None:
    """Addresses, paths, names with marks and numbers leave a blank; words and sentence ends stay."""
    assert " | ".join(" ".join(sentence) for sentence in scrub.sentences(line)) == words


def test_names_of_addressees_are_nicknames_unless_they_are_words() -> None:
    """Who lines are addressed to is a nickname; words known from other text or common in chat are not."""
    chat = ["zork77: hello", "zork: try again", "thanks zork", "will: yes", "lol, no", *["that is lol"] * 9]
    names = scrub.collect_nicknames(chat, ["will that"] * 5)
    assert names == {"zork77", "zork"}


def test_names_that_always_open_a_line_are_nicknames() -> None:
    """Addressing without punctuation shows by place; what stands alone in a line is a greeting."""
    chat = ["borg7 try this", "borgy try that", "borgy and this", "borgy or that", *["heya"] * 5]
    assert scrub.collect_nicknames(chat, []) == {"borgy"}


def test_the_addressee_is_cut_only_if_it_is_a_nickname() -> None:
    """`name: text` loses its prefix, `well, text` does not."""
    names = frozenset({"zork"})
    assert scrub.without_addressee("Zork: hi there", names) == "hi there"
    assert scrub.without_addressee("Zork-> hi there", names) == "hi there"
    assert scrub.without_addressee("well, hi there", names) == "well, hi there"


def test_nicknames_inside_a_line_leave_a_blank() -> None:
    """A nickname is no word wherever it stands, and a line of nothing else is none."""
    assert scrub.sentences("thanks zork, bye", frozenset({"zork"})) == [["thanks", scrub.BLANK, "bye"]]
    assert scrub.sentences("zork!", frozenset({"zork"})) == []
