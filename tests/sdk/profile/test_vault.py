"""The vault alone: what is sealed, under what, and what protects that."""

from __future__ import annotations

import copy
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from quietkeys.vault import protection
from quietkeys.vault.header import HEADER, Header, Vault
from quietkeys.vault.protection import CallerKey, KeyFile, Kind, OsKeyStore, Passphrase, Protection
from quietkeys.vault.sealing import DataKey
from quietkeys.vault.two_copies import read_mirrored, write_mirrored
from quietkeys_protocol.errors import ErrorCode, Outdated, QuietkeysError, Refused, TryAgain, Untrusted

KEY = DataKey(bytes(range(32)))


class Shelf(KeyringBackend):
    """A key store in memory. `locked`: it refuses."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """Read."""
        if self.locked:
            raise KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write."""
        if self.locked:
            raise KeyringLocked("locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Remove."""
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


def protections() -> dict[str, Callable[[], Protection]]:
    """Return a maker of each kind; every call of one makes an equal protection."""
    shelf = Shelf()
    return {
        "key file": KeyFile,
        "os key store": lambda: OsKeyStore(shelf),
        "passphrase": lambda: Passphrase("correct horse"),
        "caller key": lambda: CallerKey(b"k" * 32),
    }


MAKERS = protections()


@pytest.fixture(params=sorted(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[], Protection]:
    """Each kind of protection."""
    return MAKERS[request.param]


@given(content=st.binary(max_size=200), block=st.sampled_from([16, 64]))
def test_what_is_sealed_comes_back(content: bytes, block: int) -> None:
    """At its own place, and in steps of a block."""
    sealed = KEY.seal("memory", b"row", content, block)
    assert KEY.unseal("memory", b"row", sealed) == content
    assert (len(sealed) - 28) % block == 0
    assert sealed != KEY.seal("memory", b"row", content, block)


@given(content=st.binary(max_size=40), bit=st.integers(0))
def test_a_flipped_bit_is_found_out(content: bytes, bit: int) -> None:
    """Whichever it is."""
    sealed = bytearray(KEY.seal("memory", b"row", content))
    sealed[bit // 8 % len(sealed)] ^= 1 << bit % 8
    with pytest.raises(Untrusted):
        KEY.unseal("memory", b"row", bytes(sealed))


def test_what_is_sealed_stays_at_its_place() -> None:
    """In another row, another table or under another key it does not open; nor do fragments."""
    sealed = KEY.seal("memory", b"row", b"word")
    for key, table, row, content in (
        (KEY, "memory", b"rov", sealed),
        (KEY, "arrays", b"row", sealed),
        (DataKey.generate(), "memory", b"row", sealed),
        (KEY, "memory", b"row", sealed[:20]),
        (KEY, "memory", b"row", b""),
    ):
        with pytest.raises(Untrusted) as caught:
            key.unseal(table, row, content)
        assert caught.value.code is ErrorCode.PROFILE_DAMAGED


def test_names_are_keyed() -> None:
    """Equal texts have equal names under one key and table, and under no other."""
    assert KEY.name("memory", "word") == KEY.name("memory", "word")
    others = {
        KEY.name("memory", "words"),
        KEY.name("marks", "word"),
        DataKey.generate().name("memory", "word"),
    }
    assert KEY.name("memory", "word") not in others
    assert len(others) == 3


def test_each_protection_opens_what_it_protects(make: Callable[[], Protection], tmp_path: Path) -> None:
    """The data key comes back, also after the folder was moved, and is nowhere in the clear."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    made = Vault.create(here, make())
    assert Vault.open(here, make()).key.secret == made.key.secret
    for path in here.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert made.key.secret not in path.read_bytes()
    shutil.move(here, there)
    assert Vault.open(there, make()).key.secret == made.key.secret


def test_another_protection_is_refused(make: Callable[[], Protection], tmp_path: Path) -> None:
    """A wrong passphrase, a wrong key, another kind: refused, and nothing is changed."""
    made = Vault.create(tmp_path, make())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for other in (KeyFile(), OsKeyStore(Shelf()), Passphrase("wrong horse"), CallerKey(b"l" * 32)):
        if (made.kind, other.kind) == (Kind.KEY_FILE, Kind.KEY_FILE):
            continue
        with pytest.raises(Refused) as caught:
            Vault.open(tmp_path, other)
        assert caught.value.code is ErrorCode.PROFILE_SEALED
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_a_protection_only_stored_keys_open(make: Callable[[], Protection], tmp_path: Path) -> None:
    """A key file is found by itself; a passphrase or a caller's key has to be given."""
    kind = Vault.create(tmp_path, make()).kind
    if kind is Kind.KEY_FILE:
        Vault.open(tmp_path, None)
        return
    with pytest.raises((Refused, TryAgain)) as caught:
        Vault.open(tmp_path, None)
    store = kind is Kind.OS_KEY_STORE  # that of this machine, of which tests keep away
    assert caught.value.code is (ErrorCode.KEY_STORE_FAILED if store else ErrorCode.PROFILE_SEALED)


def test_protecting_otherwise_keeps_the_data_key(make: Callable[[], Protection], tmp_path: Path) -> None:
    """Only the new protection opens, and the old one's key is gone from where it was."""
    made = Vault.create(tmp_path, make())
    made.protect(CallerKey(b"n" * 32))
    assert Vault.open(tmp_path, CallerKey(b"n" * 32)).key.secret == made.key.secret
    assert {path.name for path in tmp_path.iterdir()} == {HEADER, HEADER + ".copy"}
    made.protect(make())
    assert Vault.open(tmp_path, make()).key.secret == made.key.secret
    made.protect(make())
    assert Vault.open(tmp_path, make()).key.secret == made.key.secret
    if made.kind is Kind.KEY_FILE:
        assert len(list(tmp_path.glob("vault-*.key"))) == 1


def test_a_kill_while_protecting_leaves_a_vault(tmp_path: Path) -> None:
    """With one copy of the header replaced, the first one counts, and the rest is tidied up."""
    made = Vault.create(tmp_path, KeyFile())
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    made.protect(KeyFile())
    for name, content in old.items():
        if name != HEADER:  # the old copy and the old key are still there
            (tmp_path / name).write_bytes(content)
    assert Vault.open(tmp_path, None).key.secret == made.key.secret
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / HEADER).read_bytes() == (tmp_path / f"{HEADER}.copy").read_bytes()


@pytest.mark.parametrize("damage", [b"", b"x", b"QKV1" + bytes(200)])
@pytest.mark.parametrize("pattern", [HEADER, f"{HEADER}.copy", "vault-*.key", "vault-*.key.copy"])
def test_one_damaged_copy_is_made_good(tmp_path: Path, pattern: str, damage: bytes) -> None:
    """The other is enough; what can be written anew is."""
    made = Vault.create(tmp_path, KeyFile())
    (path,) = tmp_path.glob(pattern)
    path.write_bytes(damage)
    assert Vault.open(tmp_path, None).key.secret == made.key.secret
    path.unlink()
    assert Vault.open(tmp_path, None).key.secret == made.key.secret
    if pattern.startswith(HEADER):
        assert path.exists()


@given(at=st.integers(0), change=st.integers(1, 255), size=st.integers(0, 200))
def test_a_header_is_parsed_strictly(
    tmp_path_factory: pytest.TempPathFactory, at: int, change: int, size: int
) -> None:
    """A changed byte, too many or too few: a typed error or another data key's header that does not open."""
    header = Header.of(CallerKey(b"k" * 32), Path(), bytes(16), KEY)
    good = header.to_bytes()
    assert Header.parse(good) == header
    changed = bytearray(good)
    changed[at % len(good)] ^= change
    for bad in (bytes(changed), good[: size % len(good)], good + bytes(size + 1)):
        with pytest.raises(QuietkeysError):
            Header.parse(bad).unwrapped(CallerKey(b"k" * 32), Path())


def test_a_newer_header_is_left_alone(tmp_path: Path) -> None:
    """It asks for an upgrade."""
    Vault.create(tmp_path, KeyFile())
    write_mirrored(tmp_path / HEADER, b"QKV2 whatever that is")
    with pytest.raises(Outdated):
        Vault.open(tmp_path, None)
    assert read_mirrored(tmp_path / HEADER) == b"QKV2 whatever that is"


def test_a_key_store_that_refuses_is_asked_again_later(tmp_path: Path) -> None:
    """Its errors are typed; a vault that needs it opens once it answers."""
    shelf = Shelf()
    Vault.create(tmp_path, OsKeyStore(shelf))
    shelf.locked = True
    with pytest.raises(TryAgain) as caught:
        Vault.open(tmp_path, OsKeyStore(shelf))
    assert caught.value.code is ErrorCode.KEY_STORE_FAILED
    shelf.locked = False
    Vault.open(tmp_path, OsKeyStore(shelf))


@pytest.mark.parametrize("silent", [True, False])
def test_the_default_is_a_silent_key_store_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    """A key store that might ask its user is not taken unless the app says so."""
    shelf = Shelf()
    name = f"{Shelf.__module__}.{Shelf.__qualname__}"
    monkeypatch.setattr("keyring.get_keyring", lambda: shelf)
    monkeypatch.setattr(protection, "_SILENT", (name,) if silent else ())
    made = Vault.create(tmp_path, None)
    assert made.kind is (Kind.OS_KEY_STORE if silent else Kind.KEY_FILE)
    assert Vault.open(tmp_path, None).key.secret == made.key.secret
    assert len(shelf.kept) == silent


def test_a_key_store_that_does_not_work_is_not_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening neither asks nor fails."""
    shelf = Shelf()
    shelf.locked = True
    monkeypatch.setattr("keyring.get_keyring", lambda: shelf)
    monkeypatch.setattr(protection, "_SILENT", (f"{Shelf.__module__}.{Shelf.__qualname__}",))
    assert Vault.create(tmp_path, None).kind is Kind.KEY_FILE


def test_secrets_that_protect_nothing_are_refused() -> None:
    """Short passphrases, keys of another length."""
    for attempt in (lambda: Passphrase("short"), lambda: CallerKey(b"k" * 31)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.code is ErrorCode.SECRET_UNSUITABLE


def test_a_passphrase_is_the_same_however_it_is_typed(tmp_path: Path) -> None:
    """A letter with its accent in one or in two characters."""
    made = Vault.create(tmp_path, Passphrase("caf\u00e9 au lait"))
    assert Vault.open(tmp_path, Passphrase("cafe\u0301 au lait")).key.secret == made.key.secret


def test_no_secret_is_shown_pickled_or_copied(make: Callable[[], Protection], tmp_path: Path) -> None:
    """Neither a protection, nor a data key, nor a vault."""
    vault = Vault.create(tmp_path, make())
    for secret in (make(), vault, vault.key):
        shown = repr(secret)
        assert "horse" not in shown
        assert "kkkk" not in shown
        assert repr(vault.key.secret)[2:-1] not in shown
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                attempt(secret)
