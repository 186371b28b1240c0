"""Lists of misspellings: which rows count, what halves have in common, and the words that are no typos."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from quietkeys_bench.common.misspellings import (
    NOTHING,
    Half,
    misspellings_of,
    read_misspellings,
    words_up_to_60,
    write_words,
)
from quietkeys_bench.common.rows import RowsUnreadable

ROWS = [
    ("becuase", "because"),
    ("Becuase", "because"),
    ("form", "from"),  # a word
    ("their", "thier"),
    ("thier", "their"),
    ("alot", "a lot"),
    ("don’t", "dont"),
    ("wich", "which"),
    ("wich", "witch"),
    ("Nevade", "Nevada"),
    ("The", "the"),
    ("alot.", "allot"),
]


def test_rows_count_that_say_something_of_spelling() -> None:
    """Letters and apostrophes, case folded, typo no word and nobody's correction; each pair once."""
    known = misspellings_of(ROWS, {"form", "from", "their"}, Half.ALL)
    assert known.corrections == {
        "becuase": ["because"],
        "don't": ["dont"],
        "nevade": ["nevada"],
        "wich": ["which", "witch"],
    }
    assert known.typos["because"] == ["becuase"]
    assert known.typos["which"] == known.typos["witch"] == ["wich"]


def test_halves_share_no_word_that_is_misspelled() -> None:
    """Together they are all; what is known to be a typo is known in each."""
    rows = [(f"wor{letter}x", f"wor{letter}") for letter in "abcdefghijklmnopqrstuvwxyz"]
    whole, choose, report = (misspellings_of(rows, (), half) for half in Half)
    assert not set(choose.typos) & set(report.typos)
    assert {**choose.typos, **report.typos} == whole.typos
    assert min(len(choose.typos), len(report.typos)) > 5
    assert choose.corrections == report.corrections == whole.corrections
    assert len({whole.identity, choose.identity, report.identity}) == 3


def test_files_are_read_together(tmp_path: Path) -> None:
    """Plain and compressed, in any order the same; of none, nobody misspells; another form is refused."""
    one, two, bad = tmp_path / "a.tsv", tmp_path / "b.tsv.gz", tmp_path / "c.tsv"
    one.write_text("typo\tcorrect\tcontext\nbecuase\tbecause\t\n")
    two.write_bytes(gzip.compress(b"typo\tcorrect\tcontext\nrecieve\treceive\tto {{recieve}}\n"))
    known = read_misspellings([one, two], Half.ALL)
    assert known == read_misspellings([two, one], Half.ALL)
    assert known != read_misspellings([one], Half.ALL)
    assert known.typos == read_misspellings([two, one], Half.ALL).typos
    assert set(known.corrections) == {"becuase", "recieve"}
    assert read_misspellings([], Half.ALL) is NOTHING
    bad.write_text("becuase\tbecause\n")
    with pytest.raises(RowsUnreadable, match="line 1"):
        read_misspellings([bad], Half.ALL)


def test_the_words_that_are_no_typos() -> None:
    """Common words of all regions, names and contractions; no misspelling."""
    words = words_up_to_60()
    assert {"the", "colour", "color", "don't", "london", "cafe"} <= words
    assert not {"becuase", "thier", "definately"} & words
    assert all(word == word.lower() for word in words)


def test_the_words_are_made_from_lists_by_size(tmp_path: Path) -> None:
    """Lists beyond the size and files of other kinds are left out; accents too."""
    (tmp_path / "english-words.10").write_text("the\nOf\ncafé\ne-mail\n", encoding="utf-8")
    (tmp_path / "american-words.70").write_text("rare\n")
    (tmp_path / "README").write_text("x\n")
    out = tmp_path / "words.gz"
    write_words(tmp_path, out)
    assert gzip.decompress(out.read_bytes()) == b"cafe\nof\nthe"
