"""The language stage end to end, on a folder of made-up text in the form of the real one."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from quietkeys import edits
from tests.model.texts import typing_counts
from tools.model_build import corpora, ngram
from tools.model_build.corpora import TrainingTextError
from tools.model_build.language import build_language

LINES = [
    "I will see you there.",
    "Will you see them? I do not know!",
    "they know what you see",
    "thanks a lot",
]
CHAT = ["Zork: try that again", "zork, did you see it", "what do you know", "thanks zork"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `text/` and `typing/`."""
    root = tmp_path_factory.mktemp("made-up")
    (root / "text").mkdir()
    (root / "typing").mkdir()
    for corpus in corpora.CORPORA:
        lines = CHAT if corpus.name == corpora.NICKNAMED else LINES
        path = root / "text" / corpus.pattern.replace("*", "somebody")
        path.write_bytes(gzip.compress("\n".join(lines * 101).encode()))
    wikitext = root / "text" / corpora.PERPLEXITY_ONLY
    wikitext.write_bytes(gzip.compress(b" = Title = \n you know <unk> unheard @-@ of \n"))
    write_typing(root / "typing")
    return root


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


def test_a_language_is_built_from_a_folder(folder: Path) -> None:
    """Words in, nicknames out, every figure there, probabilities that know the text."""
    reports: list[str] = []
    language = build_language(folder / "text", folder / "typing", reports.append)
    assert reports
    assert {"will", "you", "there"} <= set(language.words)
    assert "zork" not in language.words
    assert language.log_frequency.shape == (len(language.words),)
    assert language.parts.channel.shape == (edits.EDIT_COUNT,)
    assert {"perplexity_typing", "perplexity_irc", "perplexity_wikitext2", "unknown_wikitext2"} <= set(
        language.figures
    )
    assert language.figures["perplexity_typing"] < 10
    assert language.figures["unknown_wikitext2"] > 0
    will, see, you, the = (np.array([language.words.index(word)]) for word in ("will", "see", "you", "there"))
    tables = language.parts.ngram
    assert ngram.score(tables, will, see, you)[0] > ngram.score(tables, will, see, the)[0]


def test_two_builds_are_equal(folder: Path) -> None:
    """Nothing depends on time, order of sets or chance."""
    first, second = (build_language(folder / "text", folder / "typing", lambda _: None) for _ in range(2))
    assert first.words == second.words
    assert first.figures == second.figures
    np.testing.assert_array_equal(first.parts.ngram.trigram.slots, second.parts.ngram.trigram.slots)
    np.testing.assert_array_equal(first.parts.channel, second.parts.channel)


def test_a_missing_text_is_named(folder: Path, tmp_path: Path) -> None:
    """A folder without the texts says which file it lacks."""
    with pytest.raises(TrainingTextError, match="tatoeba"):
        build_language(tmp_path, folder / "typing", lambda _: None)
    with pytest.raises(OSError, match="confusion"):
        build_language(folder / "text", tmp_path, lambda _: None)
