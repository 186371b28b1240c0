"""Backups: a whole profile in one sealed file, restored with a recovery code or a passphrase."""

from __future__ import annotations

import copy
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import KeyFile, Outdated, Personalizer, Refused, TryAgain, Untrusted
from quietkeys.profile.backup import CHUNK, _Content, _sealed, _unsealed, restore
from quietkeys.vault.human_code import CodeKind, RecoveryCode, read, written
from quietkeys_protocol.errors import ErrorCode
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import files_in, rows_in

PASSPHRASE = "correct horse battery"


@pytest.fixture
def synced(rig: Rig) -> Iterator[Personalizer]:
    """A profile with everything that a backup can hold: words, an adapter, an open report, keys."""
    with rig.open_learned() as keyboard:
        keyboard.vocabulary.add("brokling")
        keyboard.sync()
        rig.trainer.polls = 1000
        keyboard.sync(wait_seconds=0)
        rig.trainer.polls = 0
        yield keyboard


def saved(keyboard: Personalizer, path: Path, passphrase: str | None = None) -> str:
    """Back up; return the secret."""
    code = keyboard.keys.back_up(path, passphrase)
    return code.text if code is not None else passphrase or ""


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_restored_profile_is_the_same(rig: Rig, synced: Personalizer, passphrase: str | None) -> None:
    """Words, adapter, ledger, identity, keys and the report under way; it goes on where that one was."""
    path = rig.folder / "backup"
    secret = saved(synced, path, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, ledger = synced.status(), synced.ledger()
    assert status.open_report == "sent"
    memory = sorted(synced._profile.store.memory())
    synced.close()
    Personalizer.restore(path, rig.folder / "new", secret, protection=small.PROTECTION)
    with rig.open("new") as restored:
        assert restored.status() == status
        assert restored.ledger() == ledger
        assert sorted(restored._profile.store.memory()) == memory
        uploads = [method for method, _ in rig.trainer.requests].count("PUT")
        restored.sync()
        assert [method for method, _ in rig.trainer.requests].count("PUT") == uploads
        assert len(rig.trainer.devices) == 1


def test_nothing_of_a_profile_stands_in_its_backup(rig: Rig, synced: Personalizer) -> None:
    """Neither a word, nor the data key, nor a row as it lies in the folder."""
    path = rig.folder / "backup"
    saved(synced, path)
    content = path.read_bytes()
    rows = synced._profile.store.database.rows("SELECT content FROM memory")
    assert b"brokling" in rows_in(rig.folder / "profile")
    for part in (b"brokling", b"trainer.test", synced._profile.vault.key.secret, *(row[0] for row in rows)):
        assert part not in content
    assert all(row[0] in synced._profile.store.database.copy() for row in rows)


def test_a_recovery_code_restores_as_it_was_returned(rig: Rig, synced: Personalizer) -> None:
    """Nobody has to ask for its text first."""
    code = synced.keys.back_up(rig.folder / "backup")
    assert code is not None
    Personalizer.restore(rig.folder / "backup", rig.folder / "restored", code, protection=small.PROTECTION)
    assert (rig.folder / "restored" / "profile.sqlite").exists()


def test_another_secret_is_refused(rig: Rig, synced: Personalizer) -> None:
    """A mistyped code, another backup's, a passphrase for a code; nothing is made."""
    code = saved(synced, rig.folder / "coded")
    other = saved(synced, rig.folder / "other")
    saved(synced, rig.folder / "phrased", PASSPHRASE)
    before = set(rig.folder.iterdir())
    for name, secret, expected in (
        ("coded", other, ErrorCode.BACKUP_SEALED),
        ("coded", PASSPHRASE, ErrorCode.RECOVERY_CODE_MISTYPED),
        ("phrased", code, ErrorCode.BACKUP_SEALED),
        ("phrased", PASSPHRASE + "s", ErrorCode.BACKUP_SEALED),
        ("phrased", "", ErrorCode.BACKUP_SEALED),
    ):
        with pytest.raises(Refused) as caught:
            restore(rig.folder / name, rig.folder / "new", secret)
        assert caught.value.code is expected
    assert set(rig.folder.iterdir()) == before


def test_a_folder_with_something_in_it_is_left_alone(rig: Rig, synced: Personalizer) -> None:
    """A backup never takes the place of a profile; an empty folder is fine."""
    secret = saved(synced, rig.folder / "backup")
    before = files_in(rig.folder / "profile")
    with pytest.raises(Refused) as caught:
        restore(rig.folder / "backup", rig.folder / "profile", secret)
    assert caught.value.code is ErrorCode.PROFILE_EXISTS
    assert files_in(rig.folder / "profile") == before
    (rig.folder / "empty").mkdir()
    (rig.folder / ".restored-empty" / "keys").mkdir(parents=True)  # left by a kill
    restore(rig.folder / "backup", rig.folder / "empty", secret, KeyFile())
    assert not list(rig.folder.glob(".restored-*"))
    assert stat.S_IMODE((rig.folder / "empty").stat().st_mode) == 0o700
    with rig.open("empty", protection=None) as restored:
        assert restored.status().words_recorded == synced.status().words_recorded


def test_damage_anywhere_is_found_out(rig: Rig, synced: Personalizer) -> None:
    """Flipped bits, cuts, swapped and doubled chunks, other files: typed, and nothing is made."""
    secret = saved(synced, rig.folder / "backup")
    whole = (rig.folder / "backup").read_bytes()
    before = set(rig.folder.iterdir())
    bad = [whole[:size] for size in (0, 3, 5, 20, 44, 45, len(whole) // 2, len(whole) - 1)]
    bad += [whole + b"x", b"QKB0" + whole[4:], b"a file of another kind"]
    for at in (4, 5, 6, 25, 30, 50, len(whole) // 2, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[at] ^= 4
        bad.append(bytes(flipped))
    for content in bad:
        (rig.folder / "backup").write_bytes(content)
        with pytest.raises((Untrusted, Refused)) as caught:
            restore(rig.folder / "backup", rig.folder / "new", secret)
        known = (ErrorCode.BACKUP_DAMAGED, ErrorCode.BACKUP_SEALED, ErrorCode.RECOVERY_CODE_MISTYPED)
        assert caught.value.code in known
    (rig.folder / "backup").write_bytes(b"QKB2" + whole[4:])
    with pytest.raises(Outdated):
        restore(rig.folder / "backup", rig.folder / "new", secret)
    with pytest.raises(TryAgain):
        restore(rig.folder / "absent", rig.folder / "new", secret)
    assert set(rig.folder.iterdir()) == before


HEAD = b"head" + bytes(7 + 16)


@given(sizes=st.lists(st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]), max_size=3))
def test_chunks_keep_their_order_and_number(sizes: list[int]) -> None:
    """What was sealed comes back in chunks; none can be left out, moved or be the end before its time."""
    key = bytes(32)
    content = [bytes([place]) * size for place, size in enumerate(sizes)]
    head, *chunks = _sealed(key, HEAD, iter(content))
    assert head == HEAD
    assert all(len(chunk) == CHUNK + 16 for chunk in chunks[:-1])
    assert b"".join(_unsealed(Pieces(chunks), key, HEAD)) == b"".join(content)
    for wrong in (chunks[:-1], chunks[1:], [*chunks[1:2], chunks[0], *chunks[2:]], [*chunks, chunks[-1]]):
        if wrong != chunks:
            with pytest.raises(Untrusted):
                list(_unsealed(Pieces(wrong), key, HEAD))


class Pieces:
    """A file of these chunks."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = iter(chunks)

    def read(self, size: int) -> bytes:
        """Return the next chunk."""
        chunk = next(self._chunks, b"")
        assert len(chunk) <= size
        return chunk


@pytest.mark.parametrize(
    "name",
    ["../evil", "keys/../../evil", "vault.header", "/evil", "keys/.draft-x", "keys/", "profile.sqlite"],
)
def test_only_files_of_a_profile_are_restored(
    rig: Rig, synced: Personalizer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that somebody made by hand writes nowhere else, and nothing twice."""
    from quietkeys.profile import backup

    def entries(profile: object) -> Iterator[bytes]:
        yield from honest(profile)  # type: ignore[arg-type]
        yield from backup._entry(name, b"evil")

    honest = backup._entries
    monkeypatch.setattr(backup, "_entries", entries)
    secret = saved(synced, rig.folder / "backup")
    before = set(rig.folder.iterdir())
    with pytest.raises(Untrusted) as caught:
        restore(rig.folder / "backup", rig.folder / "new", secret)
    assert caught.value.code is ErrorCode.BACKUP_DAMAGED
    assert set(rig.folder.iterdir()) == before


@given(st.binary(max_size=60))
def test_entries_are_read_strictly(content: bytes) -> None:
    """Whatever the content is, it is an entry or damage."""
    reader = _Content(iter([content]))
    try:
        name, size = reader.entry()
        reader.read(size)
    except Untrusted as error:
        assert error.code is ErrorCode.BACKUP_DAMAGED
    else:
        assert len(name) + size + 9 <= len(content)


@given(st.binary(min_size=16, max_size=16))
def test_a_recovery_code_is_read_as_people_type(secret: bytes) -> None:
    """In small letters, without hyphens, with O for 0 and I or L for 1."""
    text = RecoveryCode(secret).text
    assert [len(group) for group in text.split("-")] == [4] * 9
    for typed in (text, text.lower(), text.replace("-", " "), text.replace("-", "")):
        assert RecoveryCode.parse(typed).secret == secret
    assert RecoveryCode.parse(text.replace("0", "o").replace("1", "l")).secret == secret


def test_a_mistyped_recovery_code_is_noticed() -> None:
    """A code with one wrong character, or two swapped, is no code."""
    code = RecoveryCode(bytes(range(16))).text
    wrong = [
        code[:at] + other + code[at + 1 :]
        for at, character in enumerate(code)
        for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        if character not in ("-", other)
    ]
    wrong += [
        code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        for at in range(len(code) - 1)
        if "-" not in code[at : at + 2]
    ]
    for typed in wrong:
        if typed != code:
            with pytest.raises(Refused) as caught:
                RecoveryCode.parse(typed)
            assert caught.value.code is ErrorCode.RECOVERY_CODE_MISTYPED


@given(st.binary(min_size=16, max_size=16))
def test_a_code_of_one_kind_is_none_of_another(secret: bytes) -> None:
    """Though the same secret is in it, nor does it become one when its beginning is exchanged."""
    recovery, invitation = written(CodeKind.RECOVERY, secret), written(CodeKind.INVITATION, secret)
    assert read(CodeKind.INVITATION, invitation) == read(CodeKind.RECOVERY, recovery) == secret
    assert read(CodeKind.INVITATION, recovery) is read(CodeKind.RECOVERY, invitation) is None
    assert read(CodeKind.INVITATION, CodeKind.INVITATION.value + recovery[4:]) is None


def test_a_recovery_code_is_not_shown_by_accident() -> None:
    """Only where its text is asked for."""
    code = RecoveryCode.generate()
    assert code.text not in repr(code)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(code)
