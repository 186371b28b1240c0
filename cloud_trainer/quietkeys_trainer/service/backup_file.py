"""The file of a backup: a tar archive of blobs, rows, the trainer's key, and what there must be.

blobs/NAME      every blob that a row names
rows.jsonl      every row, as {"table": ..., "row": {column: value}}
trainer.key     what receipts are signed with
manifest.json   the last: a file without it was cut off
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from quietkeys_protocol.errors import ErrorCode, Refused

FORMAT: Final = "quietkeys-backup-1"
BLOB_COLUMNS: Final[Mapping[str, str]] = {
    "evaluation_keys": "blob",
    "reports": "blob",
    "jobs": "update_blob",
}
_BLOBS: Final = "blobs/"
_ROWS: Final = "rows.jsonl"
_KEY: Final = "trainer.key"
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup must hold, the schema's revision, and what the ledger knew of time.

    taken_at, seen_at: Unix seconds. kept: as `Retention.text` has it.
    """

    revision: str
    rows: int
    rows_sha256: str
    blobs: int
    missing: int
    taken_at: float
    seen_at: float
    kept: str
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What a backup was found to hold; `missing` blobs are named by rows and were not to be had."""

    devices: int
    key_sets: int
    reports: int
    jobs: int
    rows: int
    blobs: int
    missing: int


@contextmanager
def damage_refused() -> Iterator[None]:
    """Raise `Refused` (BACKUP_UNUSABLE) for whatever a damaged file makes of reading it."""
    try:
        yield
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "it is damaged or not there") from error


def check(path: Path) -> tuple[Manifest, BackupSummary]:
    """Read a backup from its beginning to its end; return what it says it holds and what it holds.

    Raises `Refused` (BACKUP_UNUSABLE) where that differs, or a blob is not what its name says.
    """
    with damage_refused(), tarfile.open(path, mode="r:") as archive:
        manifest = read_manifest(archive)
        blobs = set()
        for name in blob_names(archive):
            blobs.add(name)
            if hashlib.sha256(read(archive, _BLOBS + name)).hexdigest() != name.partition("-")[0]:
                raise ValueError("a blob")
        tables, named = Counter[str](), set[str]()
        for line in lines(archive):
            tables[line["table"]] += 1
            named |= {value for value in (line["row"].get(BLOB_COLUMNS.get(line["table"], "")),) if value}
        held = BackupSummary(
            devices=tables["devices"],
            key_sets=tables["evaluation_keys"],
            reports=tables["reports"],
            jobs=tables["jobs"],
            rows=tables.total(),
            blobs=len(blobs),
            missing=len(named - blobs),
        )
        digest = hashlib.sha256(read(archive, _ROWS)).hexdigest()
        if (held.rows, held.blobs, held.missing, digest) != (
            manifest.rows,
            manifest.blobs,
            manifest.missing,
            manifest.rows_sha256,
        ):
            raise ValueError("the rows")
        return manifest, held


def read_manifest(archive: tarfile.TarFile) -> Manifest:
    """Return the manifest; raise `Refused` where it is of another format."""
    fields = json.loads(read(archive, _MANIFEST))
    if fields["format"] != FORMAT:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "its format")
    return Manifest(**fields)


def read_key(archive: tarfile.TarFile) -> bytes:
    """Return the content of the trainer's key file."""
    return read(archive, _KEY)


def blob_names(archive: tarfile.TarFile) -> Iterator[str]:
    """Yield the names of the blobs, as they were when it was written."""
    for member in archive.getmembers():
        if member.name.startswith(_BLOBS):
            yield member.name.removeprefix(_BLOBS)


def read_blob(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the bytes of a blob."""
    return read(archive, _BLOBS + name)


def lines(archive: tarfile.TarFile) -> Iterator[dict[str, Any]]:
    """Yield the rows: the table's name, and the values by column."""
    file = archive.extractfile(_ROWS)
    if file is None:
        raise ValueError
    for line in file:
        yield json.loads(line)


def line_of(table: str, row: Mapping[str, Any]) -> bytes:
    """Return the line of a row."""
    values = {name: _to_json(value) for name, value in row.items()}
    return json.dumps({"table": table, "row": values}).encode() + b"\n"


def values_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a line's row."""
    return {name: _from_json(value) for name, value in line["row"].items()}


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the content of a member."""
    file = archive.extractfile(name)
    if file is None:
        raise ValueError
    return file.read()


def add_blob(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a blob."""
    _add(archive, _BLOBS + name, io.BytesIO(content), len(content))


def finish(archive: tarfile.TarFile, rows: IO[bytes], key: bytes, manifest: Manifest) -> None:
    """Add the rows, which are read from the file's beginning, the trainer's key and the manifest."""
    size = rows.seek(0, io.SEEK_END)
    rows.seek(0)
    _add(archive, _ROWS, rows, size)
    for name, content in ((_KEY, key), (_MANIFEST, json.dumps(asdict(manifest)).encode())):
        _add(archive, name, io.BytesIO(content), len(content))


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


def _to_json(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _from_json(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
