"""A language on disk and in a bundle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.bundle.bundle import open_bundle
from quietkeys.bundle.lexicon import WordTables
from quietkeys.bundle.networks import CLASSES, FIRST_WORD
from quietkeys.keyboard import edits
from quietkeys.prediction.model import CHANNEL, LANGUAGE, LEXICON, MIXTURE, PLAN, RANKER, WORDS
from tests.model.texts import VOCABULARY, language
from tools.model_build import bundle_writer, contents, graph, language_files, literals
from tools.model_build.language import Language
from tools.model_build.mixing import untaught

DISPLAY = ("<s>", "<unk>", *(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(VOCABULARY - 2)))
MIXING = untaught(VOCABULARY)
IDLE = graph.no_blocks(np.ones(5, np.float32), edits.EDIT_COUNT, VOCABULARY, literals.even_odds(0.0))


def small() -> Language:
    """Return a language of made-up words, the last of them offensive and outside the network."""
    last = np.arange(VOCABULARY) == VOCABULARY - 1
    tables = WordTables(
        log_frequency=np.linspace(-3, -9, VOCABULARY, dtype=np.float32),
        symbol=np.where(last | (np.arange(VOCABULARY) < 2), -1, FIRST_WORD + np.arange(VOCABULARY)).astype(
            np.int32
        ),
        offensive=last,
        outside=np.linspace(0.2, 0.9, len(CLASSES), dtype=np.float32),
        capital=np.linspace(-4, 16, VOCABULARY, dtype=np.float32),
        name_after=np.linspace(-2, 2, VOCABULARY, dtype=np.float32),
    )
    return Language(DISPLAY, tables, b"a network", language(), {"words": 60.0}, (("wabb", "waba"),))


def same(one: WordTables, other: WordTables, tolerance: float = 0.0) -> None:
    """Fail unless two tables are the same."""
    np.testing.assert_allclose(one.log_frequency, other.log_frequency, atol=tolerance)
    np.testing.assert_array_equal(one.symbol, other.symbol)
    np.testing.assert_array_equal(one.offensive, other.offensive)
    np.testing.assert_array_equal(one.outside, other.outside)
    np.testing.assert_allclose(one.capital, other.capital, atol=tolerance)
    np.testing.assert_allclose(one.name_after, other.name_after, atol=tolerance)


def test_a_kept_language_is_the_same(tmp_path: Path) -> None:
    """Saved and loaded: the same words, network, tables, figures and, for the graph, the same bytes."""
    folder = tmp_path / "language"
    assert not language_files.is_kept(folder)
    language_files.save(small(), folder)
    assert language_files.is_kept(folder)
    loaded = language_files.load(folder)
    assert loaded.display == DISPLAY
    assert loaded.network == b"a network"
    assert loaded.figures == {"words": 60.0}
    same(loaded.tables, small().tables)
    first, second = (graph.build(parts, IDLE).SerializeToString() for parts in (small().parts, loaded.parts))
    assert first == second


def test_a_signed_bundle_holds_what_the_typing_path_needs(tmp_path: Path) -> None:
    """Every file arrives as it was assembled, under the hashes of plan and client specification."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    files = contents.language_files(small(), IDLE, MIXING)
    assert files.keys() == {LANGUAGE, RANKER, LEXICON, WORDS, CHANNEL, MIXTURE, contents.NOTICE}
    files |= {PLAN: b"{}", contents.CLIENT_SPECIFICATION: b"[]"}
    contents.sign_bundle(tmp_path / "en", files, key, version=2, plan_hash="c" * 64, created="2025-01-01")
    bundle = open_bundle(tmp_path / "en", trusted_keys=(bundle_writer.public_bytes(key),))
    assert bundle.files == files
    assert bundle.manifest.plan == "c" * 64
    assert bundle[LANGUAGE] == b"a network"
    assert bundle[LEXICON].decode().splitlines() == list(DISPLAY)
    channel = np.load(io.BytesIO(bundle[CHANNEL]), allow_pickle=False)
    np.testing.assert_array_equal(channel, language().channel)


def test_word_tables_arrive_but_for_half_precision() -> None:
    """Frequencies find candidates and share classes; the thousandth of a nat does not matter there."""
    with np.load(
        io.BytesIO(contents.language_files(small(), IDLE, MIXING)[WORDS]), allow_pickle=False
    ) as arrays:
        same(WordTables(**arrays), small().tables, tolerance=4e-3)


def test_equal_languages_give_equal_files() -> None:
    """Assembling depends on nothing else."""
    assert contents.language_files(small(), IDLE, MIXING) == contents.language_files(small(), IDLE, MIXING)
