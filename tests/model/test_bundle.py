"""Bundles: what is written is read back, and everything strange is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.bundle import bundle
from quietkeys.bundle.bundle import Manifest, open_bundle, parse_manifest
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.shipped_plans import SHIPPED_PLANS, shipped_plans
from tools.model_build import bundle_writer

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = (bundle_writer.public_bytes(KEY),)
FILES = {"model.onnx": b"\x00" * 999, "lexicon.txt": b"<s>\n<unk>\n", "frames/channel.bin": b"\x01\x02"}


def manifest(version: int = 3, files: dict[str, bytes] = FILES) -> Manifest:
    """Return a manifest of these files."""
    described = bundle_writer.describe_files(files)
    return Manifest("en", version, "a" * 64, "b" * 64, "2025-01-01", described)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A well-formed bundle of version 3."""
    path = tmp_path / "en"
    bundle_writer.write_bundle(path, manifest(), FILES, KEY)
    return path


def resign(folder: Path, content: bytes) -> None:
    """Replace the manifest and sign it properly."""
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sig").write_bytes(KEY.sign(content))


def refused(folder: Path, minimum_version: int = 1) -> str:
    """Return why a bundle is refused."""
    with pytest.raises(Untrusted) as caught:
        open_bundle(folder, minimum_version=minimum_version, trusted_keys=TRUSTED)
    assert caught.value.code is ErrorCode.BUNDLE_UNTRUSTED
    return caught.value.detail


def test_what_is_written_is_read_back(folder: Path) -> None:
    """Manifest and every byte."""
    opened = open_bundle(folder, minimum_version=3, trusted_keys=TRUSTED)
    assert opened.manifest == manifest()
    assert opened.files == FILES
    assert opened["lexicon.txt"] == FILES["lexicon.txt"]
    with pytest.raises(Untrusted):
        opened["plan.json"]


def test_equal_input_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    """Order of files does not matter; writing again replaces the folder."""
    second = tmp_path / "again"
    for _ in range(2):
        bundle_writer.write_bundle(second, manifest(), dict(reversed(FILES.items())), KEY)
    for path in ("manifest.json", "manifest.sig", *FILES):
        assert (second / path).read_bytes() == (folder / path).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "en"]


def test_an_older_version_is_refused(folder: Path) -> None:
    """A signature does not expire, so the version must not fall."""
    assert "older" in refused(folder, minimum_version=4)


def test_a_shipped_bundle_has_the_name_it_is_asked_by(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that was signed for one language does not pass for another."""
    folder.rename(folder.with_name("fr"))
    monkeypatch.setattr(bundle, "SHIPPED", folder.parent)
    monkeypatch.setattr(bundle, "open_bundle", partial(open_bundle, trusted_keys=TRUSTED))
    with pytest.raises(Untrusted, match="another language"):
        bundle.shipped_bundle("fr")


PLAN = (SHIPPED_PLANS / "en" / "plan.json").read_bytes()


def with_plan(folder: Path, plan: bytes) -> Path:
    """The path of the plan in a bundle that lists one."""
    files = FILES | {"plan.json": plan}
    bundle_writer.write_bundle(folder, manifest(files=files), files, KEY)
    return folder / "plan.json"


def test_a_plan_that_both_sides_ship_need_not_lie_in_the_folder(folder: Path) -> None:
    """The listed plan is taken from the protocol package where the folder has none, if it is the same."""
    with_plan(folder, PLAN).unlink()
    assert open_bundle(folder, trusted_keys=TRUSTED)["plan.json"] == PLAN
    other = bytes(len(PLAN))
    with_plan(folder, other).unlink()
    assert "differs" in refused(folder)


def test_a_bundle_may_carry_a_plan_of_its_own(folder: Path) -> None:
    """A plan in the folder goes before the shipped one, and is held to the manifest all the same."""
    with_plan(folder, b"{}")
    assert open_bundle(folder, trusted_keys=TRUSTED)["plan.json"] == b"{}"
    with_plan(folder, PLAN).write_bytes(b"{}")
    assert "differs" in refused(folder)


def test_a_link_does_not_stand_for_a_shipped_plan(folder: Path) -> None:
    """A link in the place of the plan is refused, also one that leads nowhere."""
    for target in (SHIPPED_PLANS / "en" / "plan.json", folder / "nowhere"):
        place = with_plan(folder, PLAN)
        place.unlink()
        place.symlink_to(target)
        assert "link" in refused(folder)


def test_the_shipped_bundle_names_the_shipped_plan() -> None:
    """What devices pin is what trainers read in the protocol package."""
    shipped = bundle.shipped_bundle().manifest
    (plan,) = [plan for plan in shipped_plans() if plan.name == shipped.name]
    assert Plan.parse(plan.path.read_bytes()).hash == shipped.plan
    assert plan.client_specification_sha256 == shipped.client_specification


def test_no_trusted_key_accepts_nothing(folder: Path) -> None:
    """An empty list of keys, or another key, refuses."""
    for keys in ((), (b"\x07" * 32,)):
        with pytest.raises(Untrusted):
            open_bundle(folder, trusted_keys=keys)


def to_link(folder: Path) -> None:
    """Put the model elsewhere and a link in its place."""
    (folder / "model.onnx").rename(folder.parent / "elsewhere")
    (folder / "model.onnx").symlink_to("../elsewhere")


def to_pipe(folder: Path) -> None:
    """Put a pipe in the place of a file: reading it would wait forever."""
    (folder / "lexicon.txt").unlink()
    os.mkfifo(folder / "lexicon.txt")


def overwritten(path: str, content: bytes) -> Callable[[Path], None]:
    """Return an attack that writes other bytes."""

    def attack(folder: Path) -> None:
        (folder / path).write_bytes(content)

    return attack


def removed(path: str) -> Callable[[Path], None]:
    """Return an attack that removes a file."""
    return lambda folder: (folder / path).unlink()


ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed byte": (overwritten("model.onnx", b"\x01" + b"\x00" * 998), "differs"),
    "shorter file": (overwritten("model.onnx", b"\x00" * 998), "differs"),
    "longer file": (overwritten("model.onnx", b"\x00" * 1000), "too large"),
    "missing file": (removed("lexicon.txt"), "missing"),
    "unknown file": (overwritten("extra.txt", b""), "does not list"),
    "unknown nested file": (overwritten("frames/extra.bin", b""), "does not list"),
    "added link": (lambda folder: (folder / "link").symlink_to("model.onnx"), "link"),
    "file turned link": (to_link, "link"),
    "file turned pipe": (to_pipe, "missing"),
    "no signature": (removed("manifest.sig"), "missing"),
    "short signature": (overwritten("manifest.sig", b"\x00" * 63), "signature"),
    "long signature": (overwritten("manifest.sig", b"\x00" * 65), "too large"),
    "no manifest": (removed("manifest.json"), "missing"),
    "changed manifest": (overwritten("manifest.json", manifest(version=9).to_bytes()), "signature"),
    "huge manifest": (lambda folder: resign(folder, b" " * (bundle.MANIFEST_BYTES + 1)), "too large"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_altered_folder_is_refused(name: str, folder: Path) -> None:
    """Whatever differs from what was signed."""
    attack, reason = ATTACKS[name]
    attack(folder)
    assert reason in refused(folder)


def changed(**fields: object) -> bytes:
    """Return a manifest with other fields, as the writer would spell it."""
    parsed = json.loads(manifest().to_bytes()) | fields
    return (json.dumps(parsed, indent=1, sort_keys=True) + "\n").encode()


ENTRY = {"sha256": "0" * 64, "size": 1}
MALFORMED = {
    "not JSON": b"{",
    "not ASCII": "é".encode(),
    "deep nesting": b"[" * 60_000,
    "another format": changed(format=2),
    "extra field": changed(extra=1),
    "version as text": changed(version="3"),
    "version as truth": changed(version=True),
    "negative version": changed(version=-1),
    "upper-case hash": changed(plan="A" * 64),
    "odd date": changed(created="yesterday"),
    "odd name": changed(name="../en"),
    "files as list": changed(files=[]),
    "path upwards": changed(files={"../model.onnx": ENTRY}),
    "absolute path": changed(files={"/model.onnx": ENTRY}),
    "hidden path": changed(files={".model": ENTRY}),
    "deep path": changed(files={"a/b/c": ENTRY}),
    "manifest as file": changed(files={"manifest.json": ENTRY}),
    "entry without size": changed(files={"a": {"sha256": "0" * 64}}),
    "entry as text": changed(files={"a": "x"}),
    "negative size": changed(files={"a": {"sha256": "0" * 64, "size": -1}}),
    "too large": changed(files={"a": {"sha256": "0" * 64, "size": bundle.BUNDLE_BYTES + 1}}),
    "other spacing": manifest().to_bytes().replace(b"\n ", b"\n  "),
    "trailing bytes": manifest().to_bytes() + b"\n",
    "a field twice": manifest().to_bytes().replace(b'"version": 3', b'"version": 3,\n "version": 3'),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_manifest_is_refused_even_if_signed(name: str, folder: Path) -> None:
    """The form is strict: what would be written otherwise is not read."""
    with pytest.raises(Untrusted):
        parse_manifest(MALFORMED[name])
    resign(folder, MALFORMED[name])
    assert refused(folder)


def test_the_writer_refuses_what_it_cannot_vouch_for(tmp_path: Path) -> None:
    """A manifest of other files, and names the reader would not take."""
    with pytest.raises(ValueError, match="describe"):
        bundle_writer.write_bundle(tmp_path / "x", manifest(), {"model.onnx": b""}, KEY)
    odd = {"../model.onnx": b""}
    with pytest.raises(Untrusted):
        bundle_writer.write_bundle(tmp_path / "x", manifest(files=odd), odd, KEY)
    assert list(tmp_path.iterdir()) == []


def test_a_signing_key_is_private(tmp_path: Path) -> None:
    """Mode 0600, never overwritten, never in the repository, refused if others can read it."""
    path = tmp_path / "key.pem"
    public = bundle_writer.new_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert bundle_writer.public_bytes(bundle_writer.read_signing_key(path)) == public
    with pytest.raises(bundle_writer.SigningKeyError, match="overwritten"):
        bundle_writer.new_signing_key(path)
    with pytest.raises(bundle_writer.SigningKeyError, match="repository"):
        bundle_writer.new_signing_key(bundle_writer.REPOSITORY / "key.pem")
    path.chmod(0o644)
    with pytest.raises(bundle_writer.SigningKeyError, match="0600"):
        bundle_writer.read_signing_key(path)
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(bundle_writer.SigningKeyError, match="PEM"):
        bundle_writer.read_signing_key(path)
