"""A model bundle: one folder with everything shipped for a language, signed as a whole.

    manifest.json   name, version, plan hash, specification hash, date, and size and SHA-256 of every file
    manifest.sig    64 bytes: Ed25519 over the bytes of manifest.json
    ...             exactly the files that the manifest lists

What trainers need as well, the plan and the client specification, a shipped bundle's folder leaves to the
protocol package, where both sides find it (`quietkeys_protocol.shipped_plans`): a listed file that is not in
the folder is taken from there, under the bundle's name. Where it lies makes no difference to its checks.

Nothing is used before the signature, the sizes and the hashes are checked, and what is used are the
bytes that were checked: files are read once. Everything wrong raises `Untrusted`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.shipped_plans import SHIPPED_PLANS

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
FORMAT: Final = 1
MANIFEST_BYTES: Final = 64 * 1024  # a manifest is a few lines per file
BUNDLE_BYTES: Final = 12 * 1024 * 1024  # the largest bundle we ship; all files together
SHIPPED: Final = Path(__file__).parents[1] / "bundles"

_FIELDS = {"client_specification", "created", "files", "format", "name", "plan", "version"}
_NAME = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*")  # a language tag in lower case
_FILE = re.compile(r"[A-Za-z0-9][\w.-]{0,63}(?:/[A-Za-z0-9][\w.-]{0,63})?", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a bundle: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself; hashes are SHA-256 in hex.

    version: grows with every release of this name. plan: hash of the plan that adapters follow.
    client_specification: hash of the pinned encryption parameters. created: YYYY-MM-DD.
    files: by path inside the folder.
    """

    name: str
    version: int
    plan: str
    client_specification: str
    created: str
    files: Mapping[str, Entry]

    def to_bytes(self) -> bytes:
        """Return the canonical form: sorted JSON, one line break at the end."""
        fields = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "plan": self.plan,
            "client_specification": self.client_specification,
            "created": self.created,
            "files": {
                path: {"sha256": entry.sha256, "size": entry.size} for path, entry in self.files.items()
            },
        }
        return (json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: its manifest and the very bytes that were verified, by path."""

    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    def __getitem__(self, path: str) -> bytes:
        """Return the content of one file; raise `Untrusted` if the bundle lacks it."""
        if path not in self.files:
            _refuse(f"it lacks {path}")
        return self.files[path]


def open_bundle(
    folder: Path, *, minimum_version: int = 1, trusted_keys: Sequence[bytes] = TRUSTED_KEYS
) -> Bundle:
    """Return the verified bundle in a folder.

    minimum_version: of the bundle in use, so that nobody can bring back an older one.
    Raises `Untrusted`: no or a strange signature, an older version, a file that is missing, unknown,
    a link, or differs from the manifest, a bundle over BUNDLE_BYTES.
    """
    try:
        signed = _read(folder / MANIFEST, MANIFEST_BYTES)
        _check_signature(signed, _read(folder / SIGNATURE, 64), trusted_keys)
        manifest = parse_manifest(signed)
        if manifest.version < minimum_version:
            _refuse(f"version {manifest.version} is older than {minimum_version}")
        _check_listing(folder, manifest)
        files = {
            path: _verified(_place(folder, manifest.name, path), entry)
            for path, entry in manifest.files.items()
        }
    except OSError as error:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "a file cannot be read") from error
    return Bundle(manifest, files)


def shipped_bundle(name: str = "en") -> Bundle:
    """Return the verified bundle that came with this release."""
    bundle = open_bundle(SHIPPED / name)
    if bundle.manifest.name != name:
        _refuse("it is another language's")
    return bundle


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest in canonical bytes; `Untrusted` for anything that would be written otherwise."""
    try:
        fields = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        _refuse("the manifest is not well formed")
    _require(isinstance(fields, dict) and fields.keys() == _FIELDS and fields["format"] == FORMAT)
    _require(_is_text(fields["name"], _NAME) and _is_text(fields["created"], _DATE))
    _require(_is_text(fields["plan"], _HASH) and _is_text(fields["client_specification"], _HASH))
    _require(_is_count(fields["version"]) and isinstance(fields["files"], dict))
    files = {path: _parse_entry(path, entry) for path, entry in fields["files"].items()}
    if sum(entry.size for entry in files.values()) > BUNDLE_BYTES:
        _refuse(f"it is larger than {BUNDLE_BYTES} bytes")
    manifest = Manifest(
        fields["name"],
        fields["version"],
        fields["plan"],
        fields["client_specification"],
        fields["created"],
        files,
    )
    _require(manifest.to_bytes() == content)
    return manifest


def _parse_entry(path: str, entry: Any) -> Entry:
    _require(_is_text(path, _FILE) and path not in (MANIFEST, SIGNATURE))
    _require(isinstance(entry, dict) and entry.keys() == {"sha256", "size"})
    _require(_is_count(entry["size"]) and _is_text(entry["sha256"], _HASH))
    return Entry(entry["size"], entry["sha256"])


def _is_text(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _check_signature(signed: bytes, signature: bytes, trusted_keys: Sequence[bytes]) -> None:
    for key in trusted_keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
        except InvalidSignature:
            continue
        return
    _refuse("its signature is not of a trusted key")


def _check_listing(folder: Path, manifest: Manifest) -> None:
    """Refuse links and files that the manifest does not list."""
    expected = {MANIFEST, SIGNATURE, *manifest.files}
    for path in folder.rglob("*"):
        if path.is_symlink():
            _refuse("it holds a link")
        if not path.is_dir() and path.relative_to(folder).as_posix() not in expected:
            _refuse("it holds a file that the manifest does not list")


def _place(folder: Path, name: str, path: str) -> Path:
    """Return where a listed file is: in the folder, unless it is not there and came with the protocol."""
    shared = SHIPPED_PLANS / name / path
    return shared if not (folder / path).exists() and shared.is_file() else folder / path


def _verified(path: Path, entry: Entry) -> bytes:
    content = _read(path, entry.size)
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
        _refuse(f"{path.name} differs from the manifest")
    return content


def _read(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes."""
    if path.is_symlink() or not path.is_file():
        _refuse(f"{path.name} is missing")
    with path.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        _refuse(f"{path.name} is too large")
    return content


def _require(well_formed: bool) -> None:
    if not well_formed:
        _refuse("the manifest is not well formed")


def _refuse(detail: str) -> NoReturn:
    raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, detail)
