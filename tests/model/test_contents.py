"""A language on disk and in a bundle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys import edits
from quietkeys.bundle import open_bundle
from tests.model.texts import VOCABULARY, language
from tools.model_build import bundle_writer, contents, graph, language_files
from tools.model_build.language import Language

WORDS = ("<s>", "<unk>", *(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(VOCABULARY - 2)))


def small() -> Language:
    """Return a language of made-up words."""
    return Language(WORDS, np.linspace(-3, -9, VOCABULARY, dtype=np.float32), language(), {"words": 60.0})


def test_a_kept_language_is_the_same(tmp_path: Path) -> None:
    """Saved and loaded: the same words, figures and, for the graph, the same bytes."""
    language_files.save(small(), tmp_path / "language")
    loaded = language_files.load(tmp_path / "language")
    assert loaded.words == WORDS
    assert loaded.figures == {"words": 60.0}
    np.testing.assert_array_equal(loaded.log_frequency, small().log_frequency)
    idle = graph.no_blocks(np.ones(2, np.float32), edits.EDIT_COUNT, VOCABULARY)
    first, second = (graph.build(parts, idle).SerializeToString() for parts in (small().parts, loaded.parts))
    assert first == second


def test_a_signed_bundle_holds_what_the_typing_path_needs(tmp_path: Path) -> None:
    """Every file arrives as it was assembled, under the hashes of plan and client specification."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    idle = graph.no_blocks(np.ones(2, np.float32), edits.EDIT_COUNT, VOCABULARY)
    files = contents.language_files(small(), idle) | {
        contents.PLAN: b"{}",
        contents.CLIENT_SPECIFICATION: b"[]",
    }
    contents.sign_bundle(tmp_path / "en", files, key, version=2, plan_hash="c" * 64, created="2025-01-01")
    bundle = open_bundle(tmp_path / "en", trusted_keys=(bundle_writer.public_bytes(key),))
    assert bundle.files == files
    assert bundle.manifest.plan == "c" * 64
    assert bundle[contents.LEXICON].decode().splitlines() == list(WORDS)
    channel = np.load(io.BytesIO(bundle[contents.CHANNEL]), allow_pickle=False)
    np.testing.assert_array_equal(channel, language().channel)
