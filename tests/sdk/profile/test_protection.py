"""How a profile is protected: chosen when it is opened, changed by `protect`, mentioned in the status."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from quietkeys import CallerKey, KeyFile, OsKeyStore, Passphrase, Personalizer, Refused
from quietkeys_protocol.errors import ErrorCode
from tests.sdk.conftest import Rig
from tests.sdk.profile.test_vault import MAKERS, Shelf, protections
from tests.sdk.unsealing import files_in


def test_by_default_there_is_a_key_file(rig: Rig) -> None:
    """Without a key store that answers by itself: opening neither asks nor fails, and the status says so."""
    with rig.open(protection=None) as keyboard:
        keyboard.record("see", "yuo", "you")
        (problem,) = keyboard.status().problems
        assert "file beside it" in problem.message
        assert "passphrase" in problem.advice
    (key,) = (rig.folder / "profile").glob("vault-*.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with rig.open(protection=None) as keyboard:
        assert keyboard.status().words_recorded == 1


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_profile_opens_with_what_protects_it(rig: Rig, kind: str) -> None:
    """Every protection, also after the folder was moved; nothing of another kind."""
    make: Callable[[], object] = protections()[kind]
    with rig.open(protection=make()) as keyboard:
        keyboard.record("see", "yuo", "you")
        assert len(keyboard.status().problems) == (kind == "key file")
    shutil.move(rig.folder / "profile", rig.folder / "moved")
    with rig.open("moved", protection=make()) as keyboard:
        assert keyboard.status().words_recorded == 1
    before = files_in(rig.folder / "moved")
    for other in (KeyFile(), OsKeyStore(Shelf()), Passphrase("wrong horse"), CallerKey(b"l" * 32)):
        if isinstance(other, KeyFile) and kind == "key file":
            continue
        with pytest.raises(Refused) as caught:
            rig.open("moved", protection=other)
        assert caught.value.code is ErrorCode.PROFILE_SEALED
    assert files_in(rig.folder / "moved") == before
    with rig.open("moved", protection=make()) as keyboard:
        assert keyboard.status().words_recorded == 1


def test_protecting_a_profile_otherwise(rig: Rig) -> None:
    """From the key file to a passphrase: only that opens it, the file is gone, nothing learned is lost."""
    with rig.open(protection=None) as keyboard:
        keyboard.record("see", "yuo", "you")
        keyboard.protect(Passphrase("correct horse"))
        keyboard.record("see", "yuo", "you")
        assert keyboard.status().problems == ()
    assert not list((rig.folder / "profile").glob("vault-*"))
    with pytest.raises(Refused):
        rig.open(protection=None)
    with rig.open(protection=Passphrase("correct horse")) as keyboard:
        assert keyboard.status().words_recorded == 2


def test_a_profile_whose_vault_is_lost_is_set_aside(rig: Rig) -> None:
    """Without any good header what is sealed cannot be read: it is kept, and learning starts anew."""
    with rig.open(protection=None) as keyboard:
        keyboard.record("see", "yuo", "you")
    folder = rig.folder / "profile"
    names = {path.name for path in folder.iterdir() if path.is_file()} - {"lock"}
    for header in folder.glob("vault.header*"):
        header.write_bytes(b"nothing of the kind")
    with rig.open(protection=None) as keyboard:
        assert keyboard.status().words_recorded == 0
        assert keyboard.ledger()[0].kind == "profile_damaged"
        keyboard.record("see", "yuo", "you")
        aside = {path.name.split("-", 2)[2] for path in folder.glob("damaged-*")}
        assert aside == {name for name in names if not name.endswith(("-wal", "-shm"))}
    for header in folder.glob("vault.header*"):
        header.unlink()
    with rig.open(protection=None) as keyboard:
        assert keyboard.status().words_recorded == 0


def test_protections_are_public() -> None:
    """An app needs no module of ours but `quietkeys`."""
    import quietkeys

    for one in (CallerKey, KeyFile, OsKeyStore, Passphrase, Personalizer):
        assert getattr(quietkeys, one.__name__) is one
        assert one.__name__ in quietkeys.__all__


def test_a_key_file_elsewhere_does_not_open_a_profile(rig: Rig, tmp_path: Path) -> None:
    """The files of a profile without its key file are of no use: it is set aside, not opened."""
    with rig.open(protection=None) as keyboard:
        keyboard.record("see", "yuo", "you")
    for key in (rig.folder / "profile").glob("vault-*.key*"):
        key.rename(tmp_path / key.name)
    with rig.open(protection=None) as keyboard:
        assert keyboard.status().words_recorded == 0
        assert len(keyboard.status().problems) == 2
