"""Which words the lexicon takes and which it suspects."""

from __future__ import annotations

from collections import Counter

from tools.model_build import lexicon


def seen(**corpora: dict[str, int]) -> lexicon.Occurrences:
    """Return the occurrences of corpora; the one called `edited` is proofread."""
    return lexicon.gather({name: Counter(words) for name, words in corpora.items()}, ["edited"])


def test_a_rare_word_beside_a_frequent_one_is_suspected() -> None:
    """One edit from a far more frequent word, in typed text only: likely a misspelling."""
    found = lexicon.likely_misspellings(
        seen(chat={"because": 900, "becuase": 4, "becase": 3, "beckon": 3}, edited={"because": 400})
    )
    assert found == {"becuase", "becase"}


def test_inflections_and_proofread_words_are_not_suspected() -> None:
    """Endings make words, and what an edited text has twice is one."""
    occurrences = seen(chat={"install": 900, "installs": 3, "thing": 900}, edited={"thong": 2, "thing": 9})
    assert lexicon.likely_misspellings(occurrences) == set()


def test_words_come_by_falling_frequency_after_the_special_ones() -> None:
    """Ids 0 and 1 are the sentence start and the unknown word; ties are in alphabetical order."""
    words = lexicon.build_lexicon(
        seen(edited={"pear": 3, "apple": 3, "fig": 30, "once": 1, "it's": 9, "a1": 9})
    )
    assert words == ["<s>", "<unk>", "fig", "it's", "apple", "pear"]


def test_short_and_drawn_out_words_need_more_evidence() -> None:
    """A rare three-letter word or one with a tripled letter is noise."""
    words = lexicon.build_lexicon(seen(chat={"gys": 5, "lol": 50, "soooo": 5, "hmmm": 50, "fjord": 5}))
    assert set(words[2:]) == {"lol", "hmmm", "fjord"}


def test_the_limit_keeps_the_most_frequent() -> None:
    """A limit cuts from the rare end."""
    assert lexicon.build_lexicon(seen(edited={"maybe": 9, "surely": 8, "never": 7}), limit=2)[2:] == [
        "maybe",
        "surely",
    ]


def test_the_file_has_one_word_a_line_in_the_order_of_ids() -> None:
    """Line number is id."""
    assert lexicon.write_lexicon(["<s>", "<unk>", "yes"]).splitlines() == ["<s>", "<unk>", "yes"]
    assert lexicon.encode_words(["yes", "never"], {"yes": 2}) == [2, 1]
