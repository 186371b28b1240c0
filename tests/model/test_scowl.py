"""Reading the word lists: sizes, forms, kinds, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.model_build.scowl import Kind, ScowlError, read_scowl


def write(folder: Path, **lists: str) -> Path:
    """Write lists called like `english_words_10` and return their folder."""
    for name, words in lists.items():
        region, kind, size = name.rsplit("_", 2)
        folder.joinpath(f"{region}-{kind.replace('0', '-')}.{size}").write_text(words, encoding="utf-8")
    return folder


def test_a_word_has_the_size_of_its_smallest_list(tmp_path: Path) -> None:
    """And every form keeps its own."""
    lists = read_scowl(write(tmp_path, english_words_20="polish\n", english_upper_40="Polish\n"))
    assert lists["polish"].size == 20
    assert lists["polish"].forms == {"polish": 20, "Polish": 40}
    assert lists["polish"].kinds == {Kind.WORDS, Kind.UPPER}


def test_variants_count_as_less_common(tmp_path: Path) -> None:
    """A spelling of the second rank is ten sizes larger."""
    lists = read_scowl(write(tmp_path, variant_1_words_35="encyclopaedia\n", english_words_35="lantern\n"))
    assert (lists["encyclopaedia"].size, lists["lantern"].size) == (45, 35)


def test_only_words_of_letters_and_apostrophes_up_to_the_size(tmp_path: Path) -> None:
    """Digits, what is larger, and lists of no kind of ours are left out; accents are taken off."""
    folder = write(
        tmp_path,
        english_words_10="o'clock\ncafé\n4th\n",
        english_words_95="zyxt\n",
        english_numerals_10="xvi\n",
        klingon_words_10="qapla\n",
    )
    assert set(read_scowl(folder, largest=80)) == {"o'clock", "cafe"}


def test_a_folder_without_lists_is_told(tmp_path: Path) -> None:
    """The error says where the lists come from."""
    with pytest.raises(ScowlError, match="scowl"):
        read_scowl(tmp_path)


def test_written_small(tmp_path: Path) -> None:
    """Whether a list has a word without capitals."""
    lists = read_scowl(write(tmp_path, english_upper_10="Nevada\n", english_words_10="river\n"))
    assert lists["river"].written_small()
    assert not lists["nevada"].written_small()
