"""Which words the lexicon takes, how common it thinks they are, and how it writes them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from quietkeys.keyboard import edits
from tools.model_build import channel, lexicon, occurrences
from tools.model_build.capitals import Casing
from tools.model_build.corpora import Corpus
from tools.model_build.lexicon import Lexicon
from tools.model_build.scowl import Kind, Listed

BOOKS = Corpus("books", "", 1.0, 0.5, True)
CHAT = Corpus("chat", "", 1.0, 0.5, False)
NOTHING = Casing({}, {}, {})
COMMON = (
    "the",
    "because",
    "their",
    "don't",
    "can't",
    "well",
    "we'll",
    "its",
    "it's",
    "that's",
    "cat",
    "house",
    "receive",
    "monday",
)


def lists(**sizes: int) -> dict[str, Listed]:
    """Return word lists: COMMON, and words with their sizes."""
    listed = {word: Listed(10, {word: 10}, frozenset({Kind.WORDS})) for word in COMMON}
    for word in ("don't", "can't", "we'll"):
        listed[word] = Listed(10, {word: 10}, frozenset({Kind.CONTRACTIONS}))
    listed["monday"] = Listed(10, {"Monday": 10}, frozenset({Kind.UPPER}))
    return listed | {
        word: Listed(size, {word: size}, frozenset({Kind.WORDS})) for word, size in sizes.items()
    }


def build(
    chat: dict[str, int],
    books: dict[str, int] | None = None,
    joined: dict[str, int] | None = None,
    elsewhere: dict[str, float] | None = None,
    **sizes: int,
) -> Lexicon:
    """Return the lexicon of a chat and some books that hold the common words anyway."""
    frequent = dict.fromkeys(COMMON, 3000) | {"the": 200_000}
    counts = {"chat": Counter(frequent) + Counter(chat), "books": Counter(frequent) + Counter(books or {})}
    seen = occurrences.gather(counts, [BOOKS, CHAT], joined or {}, elsewhere or {})
    text = channel.text_statistics(seen.totals)
    costs = channel.spelling_log_probabilities(np.zeros(edits.EDIT_COUNT), text, channel.WRONG_IN_TEXT)
    return lexicon.build_lexicon(seen, lists(**sizes), NOTHING, ["twerp"], costs)


def test_misspellings_of_frequent_words_stay_out_and_shorthand_comes_in() -> None:
    """However often "teh" is typed; "lol" is near nothing that explains it."""
    words = build({"teh": 60, "becuase": 40, "recieve": 200, "lol": 500, "thx": 90, "ubuntu": 900}).keys
    assert not {"teh", "becuase", "recieve"} & set(words)
    assert {"lol", "thx", "ubuntu"} <= set(words)


def test_contractions_without_apostrophe_stay_out_unless_they_are_words() -> None:
    """Not even "cant", which is listed; "its" and "well" are meant as such in edited text."""
    words = build({"dont": 900, "cant": 700, "thats": 500}, {"cant": 9}, cant=20).keys
    assert not {"dont", "cant", "thats"} & set(words)
    assert {"its", "well", "don't", "we'll", "that's"} <= set(words)


def test_words_written_together_stay_out() -> None:
    """The word "alot" is a slip of "a lot", "laptop" is no slip of anything."""
    words = build({"alot": 90, "gameplay": 90}, joined={"alot": 2000, "gameplay": 3}).keys
    assert "alot" not in words
    assert "gameplay" in words


def test_obscure_listed_words_that_hide_slips_stay_out() -> None:
    """Short ones and those near frequent words, and what nobody writes; texts need not have long ones."""
    elsewhere = {"the": 5e6, "asymptote": 30.0, "thae": 2.0}
    words = build({}, elsewhere=elsewhere, asymptote=70, asymptotes=70, thae=70, eth=60, tge=60).keys
    assert "asymptote" in words
    assert not {"asymptotes", "thae", "eth", "tge"} & set(words)


def test_words_of_general_english_come_in_unless_they_are_mistakes() -> None:
    """However rare in the texts: not what is a slip of a far commoner word there, nor half a contraction."""
    general = {"the": 5e6, "receive": 7000.0, "because": 2e5, "don't": 1e5, "recommend": 5000.0}
    modern = {"selfie": 560.0, "venmo": 26.0, "omw": 4.5, "saoirse": 14.0}
    wrong = {"teh": 110.0, "recieve": 56.0, "becuase": 36.0, "don": 900.0, "zx": 9.0, "reccomend": 14.0}
    words = set(build({"dont": 900, "recommend": 300}, elsewhere=general | modern | wrong, recommend=20).keys)
    assert modern.keys() <= words
    assert not wrong.keys() & words


def test_a_plural_that_is_hardly_ever_written_is_no_word() -> None:
    """Lists have "musics", and who types it means "music"; "houses" is written often enough."""
    general = {"the": 5e6, "music": 36_000.0, "musics": 25.0, "house": 40_000.0, "houses": 4_000.0}
    words = set(build({}, elsewhere=general, music=10, musics=60, houses=60).keys)
    assert {"music", "houses"} <= words
    assert "musics" not in words


def test_a_word_that_no_list_has_is_no_plural_of_what_has_none() -> None:
    """Nobody means "differents", and learners write it again and again."""
    general = {"the": 5e6, "different": 390_000.0, "differents": 6.0, "selfie": 560.0, "selfies": 90.0}
    words = set(build({}, elsewhere=general, different=10).keys)
    assert {"different", "selfies"} <= words
    assert "differents" not in words


def test_a_long_word_misspelled_in_its_vowels_is_no_word() -> None:
    """However often that is seen; other consonants or another end make another word, and a name stays."""
    general = {"the": 5e6, "extremely": 6000.0, "extreamly": 4.0, "maintenance": 3500.0, "maintainance": 6.0}
    others = {"delivery": 4000.0, "deliveroo": 9.0, "portland": 1800.0, "peatland": 9.0}
    words = set(
        build({}, elsewhere=general | others, extremely=10, maintenance=10, delivery=10, portland=10).keys
    )
    assert {"extremely", "maintenance", "deliveroo", "peatland"} <= words
    assert not {"extreamly", "maintainance"} & words


def test_a_word_of_the_texts_alone_is_less_frequent_than_one_that_all_write() -> None:
    """What one origin is full of says little of what people type."""
    general = {"the": 5e6, "dragons": 300.0, "pictures": 9_000.0}
    words = build({"dragons": 900, "pictures": 300}, elsewhere=general, dragons=20, pictures=20)
    assert words.keys.index("pictures") < words.keys.index("dragons")


def test_letters_are_no_words_but_for_a_few() -> None:
    """Only "a", "i" and what people type for words."""
    words = build({"a": 900, "i": 900, "u": 90, "q": 90})
    assert {word for word in words.keys if len(word) == 1} == {"a", "i", "u"}
    assert words.display[words.keys.index("i")] == "I"


def test_offensive_words_are_known_and_marked() -> None:
    """Even where they look like a misspelling, so that they are left alone."""
    words = build({"twerp": 2, "bullshitt": 2, "house": 5})
    marked = {key for key, offensive in zip(words.keys, words.offensive, strict=True) if offensive}
    assert marked == {"twerp", "bullshitt"}


def test_ids_follow_frequency_and_frequencies_are_shares() -> None:
    """The special ones come first and cost nothing; what is outside keeps a share."""
    words = build({"lol": 500, "zzqx": 1}, elsewhere={"the": 5e6, "asymptote": 1.0}, asymptote=70)
    assert words.keys[:3] == (*lexicon.SPECIAL, "the")
    assert (np.diff(words.log_frequency[2:]) <= 0).all()
    assert 0.99 < np.exp(words.log_frequency.astype(np.float64)).sum() < 1.0
    assert words.keys[-1] == "asymptote"
    assert words.display[words.keys.index("monday")] == "Monday"
    assert len(set(words.keys)) == len(words.keys) == len(words.display) == len(words.offensive)


def test_a_word_of_one_corpus_counts_less_than_one_of_all() -> None:
    """With the same number of occurrences."""
    by_corpus = {
        "chat": {"narrow": 20.0, "wide": 10.0, "other": 970.0},
        "books": {"wide": 10.0, "other": 990.0},
    }
    found = occurrences.adjusted(by_corpus)
    assert found["wide"] > found["narrow"] > 0.5 * found["wide"]


def test_unseen_words_of_common_sizes_are_expected_more_often() -> None:
    """As often as other corpora show that such words turn up."""
    known = {f"word{chr(97 + n)}": 35 for n in range(26)} | {f"rare{chr(97 + n)}": 70 for n in range(26)}
    seen = occurrences.gather(
        {
            "chat": {f"word{letter}": 1 for letter in "abcdefgh"},
            "books": {f"word{letter}": 1 for letter in "ijklm"},
        },
        [BOOKS, CHAT],
        {},
        {},
    )
    found = lexicon.pseudo_counts(seen, lists(**known), known)
    assert found["wordz"] > found["rarez"] > 0


def test_words_outside_are_neither_names_nor_bare_contractions() -> None:
    """They are what misspellings are looked for in."""
    seen = occurrences.gather(
        {"chat": {"becuase": 4, "dont": 9, "skarnhold": 7}, "books": {"house": 3}}, [BOOKS, CHAT], {}, {}
    )
    written = Casing({"skarnhold": Counter({"Skarnhold": 7})}, {}, {})
    assert lexicon.outside_words(seen, ["house"], written, {"dont"}) == {"becuase": 4}


def test_the_file_has_one_word_a_line_in_the_order_of_ids() -> None:
    """Line number is id."""
    assert lexicon.write_lexicon(["<s>", "<unk>", "Monday"]).splitlines() == ["<s>", "<unk>", "Monday"]
