"""The upload of evaluation keys: tens of megabytes, in parts, checked without being parsed.

They are stored as they were sent, cut; what their id is the hash of is filled in to hash it, piece by piece.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.containers import MAX_KEY_PART_BYTES
from quietkeys_protocol.cut_keys import KEYS_MAGIC, check_version, chunks
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.messages import KeyState, UploadState
from quietkeys_protocol.signing import is_hash
from quietkeys_trainer.engine.interface import Engine
from quietkeys_trainer.http.auth import Known, authenticate
from quietkeys_trainer.http.request_bodies import Lane, NoBody, SpooledBody, admit, answer_of, spool_body
from quietkeys_trainer.service.parts import Service, ServiceOf
from quietkeys_trainer.service.tidy import erase
from quietkeys_trainer.storage.blobs import BlobDamagedError
from quietkeys_trainer.storage.key_uploads import Upload

_OFFSET: Final = re.compile(r"0|[1-9][0-9]{0,14}")

_ADDING: Final = Lane("adding", 2)  # the disk does not take more by being asked by more at once

router: Final = APIRouter()


async def _part(request: Request, service: ServiceOf, _: Known) -> AsyncIterator[SpooledBody]:
    """Yield a part as it came; on disk, because who sent it is only certain when it is whole."""
    await admit(request, service.pressure)
    body = await spool_body(request, MAX_KEY_PART_BYTES, service.spool)
    try:
        yield body
    finally:
        body.file.close()


@router.get("/v1/keys/{key_id}")
def key_state(request: Request, service: ServiceOf, body: NoBody, key_id: str) -> Response:
    """Answer what there is of evaluation keys in the account of the device that asks."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    _require_hash(key_id)
    return _state(service, sender, key_id)


@router.put("/v1/keys/{key_id}/parts/{offset}")
async def put_part(
    request: Request,
    service: ServiceOf,
    body: Annotated[SpooledBody, Depends(_part)],
    key_id: str,
    offset: str,
) -> Response:
    """Add a part where the upload ends; the last one stores the keys, if their framing is a served plan's.

    A part without bytes finishes an upload that is whole, after a restart before it was stored.
    """
    return await _ADDING.run(_add_part, request, service, body, key_id, offset)


def _add_part(request: Request, service: Service, body: SpooledBody, key_id: str, offset: str) -> Response:
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    _require_hash(key_id)
    if not _OFFSET.fullmatch(offset):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "offset")
    if _stored_bytes(service, sender, key_id):
        return _state(service, sender, key_id)
    if offset == "0":
        _require_version(body)
        service.ledger.admit_keys(sender, now)
        service.require_storage()
    with service.uploads.at(sender, key_id, int(offset), now) as upload:
        if upload.size + body.size > service.largest_keys:
            raise Refused(ErrorCode.BODY_TOO_LARGE, f"at most {service.largest_keys} bytes in all")
        if body.size:
            service.uploads.append(upload, body.file, now)
        elif not upload.size:
            raise Refused(ErrorCode.REQUEST_MALFORMED, "no bytes")
        _finish(service, sender, key_id, upload)
    return _state(service, sender, key_id)


@router.delete("/v1/keys/{key_id}")
def delete_keys(request: Request, service: ServiceOf, body: NoBody, key_id: str) -> Response:
    """Delete evaluation keys, with every report, job and update under them."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    _require_hash(key_id)
    service.ledger.delete_keys(sender, key_id, service.clock())
    erase(service)
    return Response(status_code=204)


def _require_hash(key_id: str) -> None:
    if not is_hash(key_id):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "key id")


def _require_version(body: SpooledBody) -> None:
    """Raise `Outdated` (VERSION_UNSUPPORTED) for keys of another version, before all of them were sent."""
    body.file.seek(0)
    start = body.file.read(len(KEYS_MAGIC))
    if start[:-1] == KEYS_MAGIC[:-1]:
        check_version(start)


def _state(service: Service, sender: str, key_id: str) -> Response:
    if stored := _stored_bytes(service, sender, key_id):
        return answer_of(KeyState(key_id, UploadState.STORED, stored))
    received = service.uploads.received(sender, key_id)
    return answer_of(KeyState(key_id, UploadState.PARTIAL if received else UploadState.ABSENT, received))


def _stored_bytes(service: Service, sender: str, key_id: str) -> int:
    """Return the size of evaluation keys that are stored, 0 where there are none, or none that are whole.

    A plan that is served only since they were stored is noted now, if it is theirs as well.
    """
    blob = service.ledger.key_blob(sender, key_id)
    if not blob:
        return 0
    try:
        size = service.blobs.size(blob)
        unknown = {
            plan_hash: engine
            for plan_hash, engine in service.engines.items()
            if engine.frames.keys.size == size and not service.ledger.has_keys(sender, key_id, plan_hash)
        }
        if unknown:
            plan_hashes = _plans_with_this_framing(unknown, service.blobs.get(blob))
            service.ledger.note_plans(sender, key_id, plan_hashes)
    except BlobDamagedError:
        return 0
    return size


def _finish(service: Service, sender: str, key_id: str, upload: Upload) -> None:
    """Store keys that are whole. What is as large as keys can be and is not what its id says is dropped."""
    if all(upload.size != engine.frames.keys.size for engine in service.engines.values()):
        return
    with (
        mmap.mmap(upload.file.fileno(), upload.size, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        plan_hashes = _plans_with_this_framing(service.engines, view)
    wrong = ErrorCode.FRAMING_CHANGED
    if plan_hashes:
        form = service.engines[plan_hashes[0]].frames.key_form
        upload.file.seek(0)
        if form.key_id(chunks(upload.file)) == key_id:
            _store(service, sender, key_id, plan_hashes, upload)
            return
        wrong = ErrorCode.HASH_MISMATCH
    if upload.size == service.largest_keys:
        service.uploads.drop(upload.name)
        raise Refused(wrong, "evaluation keys")


def _store(service: Service, sender: str, key_id: str, plan_hashes: list[str], upload: Upload) -> None:
    """Make keys of an upload; the blob is written first, so that no row names one that is not there.

    Where they are known and their blob is not whole, it takes that one's place.
    """
    upload.file.seek(0)
    lost = "" if _stored_bytes(service, sender, key_id) else service.ledger.key_blob(sender, key_id)
    sha256 = hashlib.file_digest(upload.file, "sha256").hexdigest()  # type: ignore[arg-type]
    upload.file.seek(0)
    blob = service.blobs.put(upload.file, sha256)
    try:
        is_taken = service.ledger.add_keys(sender, key_id, plan_hashes, blob, service.clock(), lost)
    except QuietkeysError:
        service.blobs.delete(blob)
        raise
    if not is_taken:
        service.blobs.delete(blob)
    service.uploads.drop(upload.name)


def _plans_with_this_framing(engines: Mapping[str, Engine], keys: bytes | memoryview) -> list[str]:
    """Return the plans that these keys fit by their frame; only the frame's bytes are read."""
    return [plan_hash for plan_hash, engine in engines.items() if engine.frames.keys.matches(keys)]
