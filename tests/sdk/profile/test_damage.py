"""Content that SQLite finds in order and that is damaged all the same: a typed end, never a stuck profile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quietkeys import Outcome
from quietkeys.bundle.bundle import parse_manifest
from quietkeys.files import write_pieces
from quietkeys.profile.database import Database, NumberedRows, SealedRows
from quietkeys.profile.folder import KEYS, LAST_GOOD
from quietkeys.profile.store import pack_count
from quietkeys_protocol.errors import ErrorCode, Untrusted
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import change_numbered, rows_of_file
from tools.model_build.bundle_writer import write_bundle

NOT_A_NUMBER = bytes.fromhex("000000000000f87f")
BELOW_ZERO = bytes.fromhex("00000000000000c0")  # -2


@pytest.mark.parametrize(
    ("table", "name", "content"),
    [
        ("settings", "words", b"many"),
        ("settings", "tick", b"-3"),
        ("settings", "bytes_sent", b"many"),
        ("arrays", "touch/qwerty/000000000000", b"2x1\n" + NOT_A_NUMBER + bytes(8)),
        ("arrays", "touch/qwerty/000000000000", b"2x1\n" + BELOW_ZERO + bytes(8)),
        ("memory", "word", pack_count(math.inf, 0)),
        ("memory", "word", b"short"),
        ("memory", "a\x1fb\x1fc\x1fd", pack_count(1.0, 0)),
        ("memory", "^", pack_count(1.0, 0)),
        ("memory", "^\x1fword\x1fWorld", pack_count(1.0, 0)),
        ("memory", "+\x1fword", pack_count(1.0, 0)),
        ("memory", "^\x1fword\x1fWORD", pack_count(math.nan, 0)),
    ],
)
def test_numbers_that_cannot_be_set_the_profile_aside(
    rig: Rig, table: str, name: str, content: bytes
) -> None:
    """Counts that are no counts are damage: the last good version is used, and everything goes on from it."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
        SealedRows(keyboard._profile.store.database, table).put(name, content)
    with rig.open() as keyboard:
        (problem,) = keyboard.status().problems
        assert "set aside" in problem.advice
        assert keyboard.status().words_recorded == words
        assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        keyboard.sync()


@pytest.mark.parametrize("left", ["last good", "nothing"])
@pytest.mark.parametrize("table", ["settings", "marks", "arrays", "held_out", "ledger", "sent", "adapters"])
def test_a_damaged_row_is_noticed_when_the_profile_is_opened(rig: Rig, table: str, left: str) -> None:
    """Whichever table it is in; without a last good version learning starts anew."""
    with rig.open_learned() as keyboard:
        keyboard._profile.store.set_mark("pending", "word", b"once")
        keyboard.sync()
    with rig.open() as keyboard:
        words = keyboard.status().words_recorded
        keyboard.record("see", "yuo", "you")
        database = keyboard._profile.store.database
        assert database.rows(f"SELECT count(*) FROM {table}") != [(0,)]  # noqa: S608
        database.run(f"UPDATE {table} SET content = substr(content, 2)")  # noqa: S608
    if left == "nothing":
        (rig.folder / "profile" / LAST_GOOD).write_bytes(b"nor is this")
    with rig.open() as keyboard:
        (problem,) = keyboard.status().problems
        assert "set aside" in problem.advice
        assert keyboard.status().words_recorded == (words if left == "last good" else 0)
        kind = "profile_recovered" if left == "last good" else "profile_damaged"
        assert kind in [line.kind for line in keyboard.ledger()]
        keyboard.record("see", "yuo", "you")
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 1 + (words if left == "last good" else 0)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"CREATE TABLE settings", b"CREATE TABLE \xacettings"),  # in no encoding
        (b"CREATE TABLE settings", b"CREATE TABLE settinfs"),
        (b"CREATE TABLE settings", b"CREATE TAPLE settings"),
        (b"name BLOB PRIMARY KEY", b"mane BLOB PRIMARY KEY"),
    ],
)
def test_a_damaged_schema_is_damage(rig: Rig, right: bytes, wrong: bytes) -> None:
    """However SQLite calls it: the last good version is used."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
    path = rig.folder / "profile" / "profile.sqlite"
    content = path.read_bytes()
    assert right in content
    path.write_bytes(content.replace(right, wrong))
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == words
        assert "profile_recovered" in [line.kind for line in keyboard.ledger()]


def test_a_kill_during_recovery_is_made_good(rig: Rig) -> None:
    """Between setting the damaged database aside and putting the last good version in its place."""
    with rig.open_learned() as keyboard:
        words = keyboard.status().words_recorded
    for path in (rig.folder / "profile").glob("profile.sqlite*"):
        path.rename(path.with_name(f"damaged-1-{path.name}"))
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == words
        assert "profile_recovered" in [line.kind for line in keyboard.ledger()]


def test_nothing_forgotten_comes_back_with_the_last_good_version(rig: Rig) -> None:
    """A forgotten word is not in it, nor in what was set aside, whatever is damaged afterwards."""
    folder = rig.folder / "profile"
    with rig.open_learned() as keyboard:
        keyboard._model.recorder.add_word("brokling")
        keyboard.record("my", "brokling", "brokling")
    with rig.open() as keyboard:
        key = keyboard._profile.vault.key
        for path in (LAST_GOOD, "damaged-1-profile.sqlite"):
            (folder / path).write_bytes(keyboard._profile.store.database.copy())
            assert b"brokling" in rows_of_file(folder / path, key)
        keyboard.vocabulary.forget("brokling")
        assert not list(folder.glob("damaged-*"))
        assert b"brokling" not in rows_of_file(folder / LAST_GOOD, key)
        keyboard.forget()
        assert rows_of_file(folder / LAST_GOOD, key).count(b"\n") < 10
        keyboard.record("see", "yuo", "you")
    (folder / "profile.sqlite").write_bytes(b"no database")
    with rig.open() as keyboard:
        assert keyboard.status().words_recorded == 0


def test_forgetting_begins_with_the_last_good_version(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill right after the word was removed leaves no other copy of it."""
    with rig.open_learned() as keyboard:
        keyboard._model.recorder.add_word("brokling")
        keyboard.record("my", "brokling", "brokling")
    with rig.open() as keyboard:
        with monkeypatch.context() as patched:
            patched.setattr(Database, "scrub", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                keyboard.vocabulary.forget("brokling")
        assert not (rig.folder / "profile" / LAST_GOOD).exists()


def test_damaged_held_out_events_are_left_out(rig: Rig) -> None:
    """Event numbers out of range and features that are no numbers judge nothing, and no update gets stuck."""
    with rig.open_learned() as keyboard:
        database = keyboard._profile.store.database
        rows = list(NumberedRows(database, "held_out").all())
        for identity, content in rows[:30]:
            ends = content[:-2] + b"\xff\x7f"  # the last bucket is 32767
            change_numbered(database, "held_out", identity, ends)
        for identity, content in rows[30:60]:
            begins = content[:6] + b"\0\x7e" + content[8:]  # the first feature is no number
            change_numbered(database, "held_out", identity, begins)
        for identity, _ in rows[60:70]:
            narrow = bytes([1, 1, 1, 0, 0, 255]) + bytes(6)  # a choice of one feature
            change_numbered(database, "held_out", identity, narrow)
        database.run("UPDATE held_out SET content = x'00' WHERE id = ?", rows[70][0])  # not even sealed
        result = keyboard.sync()
        assert result.outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)
        assert result.verdict is not None
        assert result.verdict.events == len(rows) - 71
        assert keyboard.status().open_report == ""


def test_a_specification_that_the_manifest_does_not_name_is_refused(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path
) -> None:
    """A bundle whose manifest pins another client specification than it holds opens nothing."""
    right = parse_manifest((rig.bundle / "manifest.json").read_bytes())
    wrong = replace(right, client_specification="0" * 64)
    write_bundle(tmp_path / "other" / "en", wrong, bundle_files, small.KEY)
    rig.bundle = tmp_path / "other" / "en"
    with pytest.raises(Untrusted) as caught:
        rig.open()
    assert caught.value.code is ErrorCode.BUNDLE_UNTRUSTED


def test_a_key_that_a_kill_left_half_written_is_removed(rig: Rig) -> None:
    """Opening the profile removes drafts of a key set, whether or not another is ever written."""
    names: list[str] = []

    def chunks(folder: Path) -> Iterator[bytes]:
        names.extend(path.name for path in folder.glob(".*"))
        yield b"secret"

    rig.open().close()
    keys = rig.folder / "profile" / KEYS
    keys.mkdir()
    write_pieces(keys / "key", chunks(keys))
    left = keys / names[0]
    left.write_bytes(b"secret")
    rig.open().close()
    assert not left.exists()
    assert (keys / "key").exists()
