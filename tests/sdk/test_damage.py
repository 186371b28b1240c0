"""Content that SQLite finds in order and that is damaged all the same: a typed end, never a stuck profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quietkeys import Outcome
from quietkeys.bundle import parse_manifest
from quietkeys.cipher.key_file import write_private
from quietkeys.profile import KEYS
from quietkeys_protocol.errors import ErrorCode, Untrusted
from tests.sdk import small
from tests.sdk.conftest import Rig
from tools.model_build.bundle_writer import write_bundle


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE settings SET value = 'many' WHERE name = 'words'",
        "UPDATE settings SET value = '-3' WHERE name = 'tick'",
        "INSERT OR REPLACE INTO settings VALUES ('bytes_sent', 'many')",
        "UPDATE arrays SET content = CAST(x'000000000000f87f' || substr(content, 9) AS BLOB)",  # not a number
        "UPDATE arrays SET content = CAST(x'00000000000000c0' || substr(content, 9) AS BLOB)",  # -2
        "UPDATE memory SET count = 9e999",
        "UPDATE memory SET key = 'a' || char(31) || 'b' || char(31) || 'c' || char(31) || key",
    ],
)
def test_numbers_that_cannot_be_set_the_profile_aside(rig: Rig, change: str) -> None:
    """Counts that are no counts are damage: learning starts anew, and suggesting and syncing go on."""
    with rig.open_learned() as keyboard:
        keyboard._profile.store.database.run(change)
    with rig.open() as keyboard:
        (problem,) = keyboard.status().problems
        assert "set aside" in problem.advice
        assert keyboard.status().words_recorded == 0
        assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        keyboard.sync()


def test_damaged_held_out_events_are_left_out(rig: Rig) -> None:
    """Event numbers out of range and features that are no numbers judge nothing, and no update gets stuck."""
    with rig.open_learned() as keyboard:
        database = keyboard._profile.store.database
        rows = database.rows("SELECT id, content FROM held_out ORDER BY id")
        for identity, content in rows[:30]:
            ends = content[:-2] + b"\xff\x7f"  # the last bucket is 32767
            database.run("UPDATE held_out SET content = ? WHERE id = ?", ends, identity)
        for identity, content in rows[30:60]:
            begins = content[:5] + b"\0\0\xc0\x7f" + content[9:]  # the first feature is no number
            database.run("UPDATE held_out SET content = ? WHERE id = ?", begins, identity)
        for identity, _ in rows[60:70]:
            narrow = bytes([1, 1, 1, 0, 0]) + bytes(8)  # a choice of one feature
            database.run("UPDATE held_out SET content = ? WHERE id = ?", narrow, identity)
        result = keyboard.sync()
        assert result.outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)
        assert result.verdict is not None
        assert result.verdict.events == len(rows) - 70
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
    write_private(keys / "key", chunks(keys))
    left = keys / names[0]
    left.write_bytes(b"secret")
    rig.open().close()
    assert not left.exists()
    assert (keys / "key").exists()
