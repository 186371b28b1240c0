"""What lies on disk: nothing that was typed, counted or decided, also of a profile that version 1 wrote."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys import Personalizer
from quietkeys.cipher.key_file import Head, read_key_set
from quietkeys.profile.database import Database
from quietkeys.profile.folder import FHE_KEYS
from quietkeys.profile.sealed_rows import NumberedRows, SealedRows
from quietkeys.profile.store import Store
from quietkeys.remote.identity import Identity, identity_for
from quietkeys.vault import DataKey, Vault
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import files_in, rows_in

VERSION_1 = Path(__file__).parents[1] / "vectors" / "profile_v1.sqlite"
# What stays in the clear of these: states, the adapters' plan, and what the trainer knows.
PUBLIC = (b"in_use", b"14da6298db9ba5d5")


def old_profile(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Put the profile of version 1 into a folder; return its rows."""
    folder.mkdir()
    shutil.copy(VERSION_1, folder / "profile.sqlite")
    connection = sqlite3.connect(folder / "profile.sqlite")
    tables = ("settings", "memory", "arrays", "held_out", "adapters", "ledger", "trainers", "outbox")
    rows = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608
    connection.close()
    return rows


def plain_texts(rows: dict[str, list[tuple[Any, ...]]]) -> list[bytes]:
    """The texts and contents of rows of version 1, each too long to be found by chance."""
    texts: list[bytes] = []
    for table in ("settings", "memory", "arrays", "held_out", "adapters", "ledger"):
        for row in rows[table]:
            texts += [part.encode() for part in row if isinstance(part, str)]
            texts += [part[:24] for part in row if isinstance(part, bytes) and any(part[:24])]
    return [text for text in texts if len(text) > 5]


def test_every_row_of_version_1_is_kept(tmp_path: Path) -> None:
    """Under its name, in its order, with its content."""
    rows = old_profile(tmp_path / "old")
    store = Store.open(tmp_path / "old" / "profile.sqlite", DataKey.generate())
    settings = {name: value.decode() for name, value in SealedRows(store.database, "settings").all()}
    assert settings == dict(rows["settings"])
    assert {("\x1f".join(key), count, tick) for key, count, tick in store.memory()} == set(rows["memory"])
    assert {
        (name, "x".join(map(str, array.shape)), array.tobytes()) for name, array in store.arrays("").items()
    } == set(rows["arrays"])
    assert store.held_out() == [content for _, content in rows["held_out"]]
    assert [(line.time, line.kind, line.text) for line in store.ledger()] == [
        tuple(line[1:]) for line in rows["ledger"]
    ]
    adapters = list(NumberedRows(store.database, "adapters").all())
    assert adapters == [(version, content) for version, _, _, content in rows["adapters"]]
    for table in ("trainers", "outbox"):
        assert store.database.rows(f"SELECT * FROM {table}") == rows[table]  # noqa: S608
    store.close()


def test_a_profile_of_version_1_is_sealed(rig: Rig) -> None:
    """It opens as it was, and nothing of it is left in the clear: in rows, free pages or the log."""
    folder = rig.folder / "profile"
    texts = plain_texts(old_profile(folder))
    plain = files_in(folder)
    assert len(texts) > 1800
    assert all(text in plain for text in texts)  # the search finds what is there
    with rig.open() as keyboard:
        open_files = files_in(folder)
        assert keyboard.status().words_recorded == 1136
        assert keyboard.vocabulary.never_corrected() == ("zebra",)
        assert keyboard.status().problems == ()
        keyboard.record("see", "yuo", "you")
    for files in (open_files, files_in(folder)):
        assert not [text for text in texts if text in files and not text.startswith(PUBLIC)]
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 1137


def test_sealing_version_1_survives_a_kill(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the traces were removed, the next opening removes them."""
    folder = rig.folder / "profile"
    texts = plain_texts(old_profile(folder))

    def killed(_: Database) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Database, "scrub", killed)
        with pytest.raises(KeyboardInterrupt):
            rig.open()
    vault = Vault.open(folder, small.PROTECTION)
    connection = sqlite3.connect(folder / "profile.sqlite")
    assert connection.execute("PRAGMA user_version").fetchall() == [(2,)]
    connection.close()
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 1136
        assert keyboard._profile.vault.key.secret == vault.key.secret
    files = files_in(folder)
    assert not [text for text in texts if text in files and not text.startswith(PUBLIC)]


def test_the_keys_of_version_1_are_sealed(rig: Rig) -> None:
    """Identities and key sets are the same afterwards, and no longer in the clear."""
    folder = rig.folder / "profile"
    old_profile(folder)
    identity = folder / "identities" / f"{hashlib.sha256(rig.url.encode()).hexdigest()[:32]}.key"
    secret, key_set = bytes(range(32)), bytes(range(256)) * 10
    head = bytes(32) + b"f" * 32
    for path, content in (
        (identity, secret),
        (folder / "keys" / "keys.qkk", b"QKK1" + head + hashlib.sha256(key_set).digest() + key_set),
    ):
        path.parent.mkdir()
        path.write_bytes(content)
        assert content in files_in(folder)
    for _ in range(2):
        with rig.open() as keyboard:
            key = keyboard._profile.vault.key
        device = identity_for(folder, rig.url, key)
        expected = Identity(Ed25519PrivateKey.from_private_bytes(secret))
        assert device.device_id == expected.device_id
        stored = read_key_set(folder / "keys" / "keys.qkk", key.file_key(FHE_KEYS))
        assert stored == (Head(bytes(32), b"f" * 32), key_set)
        assert secret not in files_in(folder)
        assert key_set[:32] not in files_in(folder)


def test_nothing_typed_is_in_the_files(rig: Rig) -> None:
    """Words, counts, held-out events, weights and the ledger are in the rows, and in no file."""
    with rig.open_learned() as keyboard:
        for word in ("brokling", "quokkaberry"):
            keyboard._model.recorder.add_word(word)
            keyboard.record("my own", word, word)
        keyboard.vocabulary.never_correct("wombatish")
        keyboard.sync()
        planted = ["brokling", "quokkaberry", "wombatish", "Evaluation keys went", "never_correct", "masses/"]
        texts = [text.encode() for text in planted]
        texts += [both.evidence_for.tobytes() for both in keyboard._model.recorder.masses.values()]
        texts += [weights.astype("<i8").tobytes() for weights in weights_in_use(keyboard)]
        texts += keyboard._profile.store.held_out()
        files = files_in(rig.folder / "profile")
        rows = rows_in(rig.folder / "profile")
    files += files_in(rig.folder / "profile")
    assert all(text in rows for text in texts)  # the search finds what is there
    assert not [text for text in texts if text in files]
    assert keyboard._profile.vault.key.secret not in files


def weights_in_use(keyboard: Personalizer) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The weights of the adapter in use that are not all zero."""
    weights = keyboard._model.adapters.in_use().by_block.values()
    found = [one for one in weights if one.any()]
    assert found
    return found


def test_the_size_of_a_row_does_not_tell_the_word(rig: Rig) -> None:
    """A short word, a long one and three of them are as large; so are all lines of the ledger."""
    with rig.open_learned() as keyboard:
        for word in ("ok", "incomprehensibly"):
            keyboard._model.recorder.add_word(word)
            keyboard.record("the", word, word)
        keyboard.sync()
        database = keyboard._profile.store.database
        sizes = database.rows("SELECT DISTINCT length(content) FROM memory")
        lines = database.rows("SELECT DISTINCT length(content) FROM ledger")
    assert len(sizes) == len(lines) == 1
