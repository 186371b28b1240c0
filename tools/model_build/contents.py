"""What lies in a bundle folder, as bytes: assembled here, signed by `bundle_writer`."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from quietkeys.bundle.bundle import Manifest
from quietkeys.bundle.lexicon import WordTables
from quietkeys.prediction.model import CHANNEL, LANGUAGE, LEXICON, MIXTURE, RANKER, WORDS

from . import graph
from .bundle_writer import describe_files, write_bundle
from .graph import AdapterParts
from .language import Language
from .mixing import Mixing

CLIENT_SPECIFICATION = "client_specification.json"
NOTICE = "NOTICE"


def language_files(language: Language, adapter: AdapterParts, mixing: Mixing) -> dict[str, bytes]:
    """Return the files that the typing path reads: both models, the lexicon, and what finds candidates."""
    ranker = graph.build(language.parts, adapter)
    return {
        LANGUAGE: language.network,
        RANKER: ranker.SerializeToString(deterministic=True),
        LEXICON: ("\n".join(language.display) + "\n").encode("ascii"),
        WORDS: _arrays(language.tables),
        CHANNEL: _array(language.parts.channel),
        MIXTURE: mixture_file(mixing),
        NOTICE: Path(__file__).with_name("NOTICE.txt").read_bytes(),
    }


def sign_bundle(
    folder: Path,
    files: Mapping[str, bytes],
    key: Ed25519PrivateKey,
    *,
    version: int,
    plan_hash: str,
    created: str,
) -> Manifest:
    """Write and sign the bundle named like its folder; return its manifest.

    files must hold the plan and CLIENT_SPECIFICATION. plan_hash: hex. created: YYYY-MM-DD.
    """
    specification = hashlib.sha256(files[CLIENT_SPECIFICATION]).hexdigest()
    manifest = Manifest(folder.name, version, plan_hash, specification, created, describe_files(files))
    write_bundle(folder, manifest, files, key)
    return manifest


def mixture_file(mixing: Mixing) -> bytes:
    """Return the file of what mixing in local memory has to know."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream, log_mean=mixing.log_mean.astype(np.float16), prior=mixing.prior.astype(np.float32)
    )
    return stream.getvalue()


def _array(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _arrays(tables: WordTables) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        log_frequency=tables.log_frequency.astype(np.float16),
        symbol=tables.symbol.astype(np.int16),
        offensive=tables.offensive,
        outside=tables.outside.astype(np.float32),
        capital=tables.capital.astype(np.float16),
        name_after=tables.name_after.astype(np.float16),
    )
    return stream.getvalue()
