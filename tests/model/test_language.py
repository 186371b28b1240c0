"""The language stage end to end, on made-up text, typing and word lists in the form of the real ones."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys.bundle.bundle import Bundle, Manifest
from quietkeys.bundle.lexicon import Lexicon
from quietkeys.bundle.networks import LanguageModel
from quietkeys.keyboard import edits
from quietkeys.prediction.model import LANGUAGE, LEXICON, WORDS, symbols_of, word_of_symbol
from tests.model.texts import typing_counts
from tools.model_build import corpora, language_files
from tools.model_build.corpora import TrainingTextError
from tools.model_build.language import Language, Sources, build_around, build_language
from tools.model_build.neural import training
from tools.model_build.neural.training import Recipe
from tools.model_build.scowl import ScowlError

LINES = (
    "I will see you there.",
    "Will you see them? I do not know!",
    "they know what you see on Monday",
    "I do not know what you know, because nobody does",
    "because you know, and because they know, because nobody does, because",
    "they see you because they do",
    "thanks a lot, you twat",
)
CHAT = ("Zork: will you try that again", "zork, did you see it", "what do you know lol", "thanks zork lol")
SLIPS = ("so did I becuase you see it",) * 4
LISTS = {
    "english-words.10": "will see you there them do not know they what on thanks a lot try that again it did",
    "english-words.20": "because nobody does twat",
    "english-upper.10": "I Monday",
    "english-words.35": "umbrella",
}
RECIPE = Recipe(
    tokens=40_000,
    batch=128,
    full_share=0.3,
    negatives=16,
    rate=1e-2,
    warm_up=10,
    dropout=0.0,
    threads=1,
    checkpoint_every=100,
)
SIZES = (24, 32)
ELSEWHERE = {"the": 5e6, "see": 1e5, "selfie": 600.0, "umbrella": 700.0, "becuase": 40.0, "because": 2e5}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Folders of text, of typing statistics and of word lists."""
    root = tmp_path_factory.mktemp("made-up")
    made = Sources(root / "text", root / "typing", root / "scowl", ELSEWHERE)
    for folder in (made.text, made.typing, made.word_lists):
        folder.mkdir()
    for corpus in corpora.CORPORA:
        lines = CHAT * 101 + SLIPS if corpus.name == corpora.NICKNAMED else LINES * 101
        path = made.text / corpus.pattern.replace("*", "somebody")
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    for name, words in LISTS.items():
        (made.word_lists / name).write_text("\n".join(words.split()), encoding="latin-1")
    write_typing(made.typing)
    return made


def write_typing(folder: Path) -> None:
    """Write typing statistics in the published form."""
    counts = typing_counts()
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [
        f"{one}\t{two}\t{int(counts.confusion[i, j])}\n"
        for i, one in enumerate(letters)
        for j, two in enumerate(letters)
    ]
    for kind in ("corrected", "uncorrected"):
        path = folder / f"confusion_substitutions_{kind}.tsv"
        path.write_text("intended\ttyped\tcount\n" + "".join(rows))
    edits_path = folder / "ins_om_trans_corrected.tsv"
    edits_path.write_text("kind\tchars\tcount\ninsertion\t'e'\t9\nomission\t'e'\t9\ntransposition\t'th'\t9\n")


def build(sources: Sources, folder: Path) -> Language:
    """Return the language of a tiny network."""
    return build_language(sources, folder, RECIPE, lambda _: None, SIZES)


@pytest.fixture(scope="module")
def language(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Language:
    """The language of the made-up sources."""
    return build(sources, tmp_path_factory.mktemp("network"))


def test_words_of_texts_and_lists_come_in_as_they_are_written(language: Language) -> None:
    """Nicknames and misspellings stay out; what only a list has comes in."""
    assert {"will", "you", "there", "lol", "umbrella", "Monday", "I"} <= set(language.display)
    assert not {"zork", "becuase"} & set(language.display)


def test_tables_and_figures_are_complete(language: Language) -> None:
    """A row per word, a cost per edit, and what was measured on the held-out lines of every corpus."""
    tables = language.tables
    assert len(tables.log_frequency) == len(tables.symbol) == len(tables.offensive) == len(language.display)
    assert language.parts.channel.shape == (edits.EDIT_COUNT,)
    measured = {f"perplexity_{corpus.name}" for corpus in corpora.CORPORA}
    assert measured | {"words", "misspellings", "spelling_share"} <= language.figures.keys()
    assert language.figures["words"] == len(language.display)
    assert language.figures["perplexity_tatoeba"] < 10
    assert language.figures["misspellings"] == 1  # becuase


def test_offensive_words_are_marked_and_never_predicted(language: Language) -> None:
    """They are in the lexicon, so that they are left alone, and have no symbol of the network."""
    place = language.display.index("twat")
    assert language.tables.offensive[place]
    assert language.tables.symbol[place] == -1
    assert int(language.tables.offensive.sum()) == language.figures["offensive"] == 1


def test_the_network_knows_what_follows(language: Language) -> None:
    """What the texts have is likelier than what they do not have there."""
    lexicon = Lexicon.build(language.display, language.tables)
    chances = LanguageModel.load(language.network, symbols_of(lexicon)).after(("what", "you")).log_probability
    know, there, unseen = lexicon.log_probability(
        chances, np.array([lexicon.index[word] for word in ("know", "there", "umbrella")])
    )
    assert know > there
    assert know > unseen


def test_two_builds_are_equal(language: Language, sources: Sources, tmp_path: Path) -> None:
    """Nothing depends on time, on the order of sets or on chance: the files are the same, byte for byte."""
    language_files.save(language, tmp_path / "first")
    language_files.save(build(sources, tmp_path / "network"), tmp_path / "second")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_a_network_is_taken_over_with_its_symbols(
    language: Language, sources: Sources, tmp_path: Path
) -> None:
    """Everything else is built anew: a word that is new has no symbol, and that of one that left no word."""
    files = {
        LANGUAGE: language.network,
        LEXICON: "\n".join(language.display).replace("\nknow\n", "\nzork\n").encode(),
        WORDS: words_file(language),
    }
    manifest = Manifest("en", 1, "0" * 64, "0" * 64, "2025-01-01", {})
    found = build_around(Bundle(manifest, files), sources, lambda _: None)
    assert found.network == language.network
    assert found.display == language.display
    symbols = dict(zip(found.display, found.tables.symbol.tolist(), strict=True))
    before = dict(zip(language.display, language.tables.symbol.tolist(), strict=True))
    assert symbols["know"] == -1
    assert {word: one for word, one in symbols.items() if word != "know"} == {
        word: one for word, one in before.items() if word != "know"
    }
    lexicon = Lexicon.build(found.display, found.tables)
    known = word_of_symbol(lexicon, LanguageModel.load(found.network, symbols_of(lexicon)).symbols)
    assert known[before["know"]] == -1
    assert known[before["see"]] == lexicon.index["see"]


def words_file(language: Language) -> bytes:
    """Return the word tables as a bundle has them."""
    stream = io.BytesIO()
    np.savez_compressed(stream, symbol=language.tables.symbol)
    return stream.getvalue()


def test_the_log_lies_where_the_network_was_trained(sources: Sources, tmp_path: Path) -> None:
    """A finished training is not repeated: its checkpoint is read and nothing is logged again."""
    build(sources, tmp_path)
    written = (tmp_path / training.LOG).read_text()
    assert written
    build(sources, tmp_path)
    assert (tmp_path / training.LOG).read_text() == written


def test_what_is_missing_is_named(sources: Sources, tmp_path: Path) -> None:
    """A folder without the texts, the statistics or the word lists says which file it lacks."""
    with pytest.raises(TrainingTextError, match="tatoeba"):
        build(replace(sources, text=tmp_path), tmp_path)
    with pytest.raises(OSError, match="confusion"):
        build(replace(sources, typing=tmp_path), tmp_path)
    with pytest.raises(ScowlError, match="package scowl"):
        build(replace(sources, word_lists=tmp_path), tmp_path)
