"""A small model and four people who write with it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from quietkeys.bundle.bundle import open_bundle
from quietkeys.prediction.model import load_model
from quietkeys_bench.common.subject import Subject, bundle_identity
from tests.sdk import small


@pytest.fixture(scope="session")
def small_subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The model of a small bundle."""
    folder = small.write(tmp_path_factory.mktemp("bundle") / "en", small.files())
    bundle = open_bundle(folder, trusted_keys=small.TRUSTED)
    return Subject(load_model(bundle), bundle_identity(bundle))


@pytest.fixture(scope="session")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of people's messages, plain and compressed."""
    folder = tmp_path_factory.mktemp("people")
    for number, name in enumerate(("chat_1", "chat_2", "mail_1")):
        content = "\n".join(small.text(number, 60)) + "\n"
        if number % 2:
            (folder / f"{name}.txt").write_text(content)
        else:
            (folder / f"{name}.txt.gz").write_bytes(gzip.compress(content.encode()))
    return folder
