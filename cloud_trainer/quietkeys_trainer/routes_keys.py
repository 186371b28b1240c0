"""The upload of evaluation keys: tens of megabytes, checked without being parsed."""

from __future__ import annotations

import mmap
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.signing import is_hash
from quietkeys_trainer.auth import authenticate
from quietkeys_trainer.bodies import SpooledBody, spool_body
from quietkeys_trainer.circuit import Engines
from quietkeys_trainer.service import Service, ServiceOf

router: Final = APIRouter()


def _sender(request: Request, service: ServiceOf, key_id: str) -> str:
    """The device that sends the keys, known before a byte of them is read: their id is what it signed."""
    if not is_hash(key_id):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "key id")
    return authenticate(service.ledger, request, key_id, service.clock())


Sender = Annotated[str, Depends(_sender)]


async def _spooled(request: Request, service: ServiceOf, _: Sender) -> AsyncIterator[SpooledBody]:
    body = await spool_body(request, service.largest_keys, service.spool)
    try:
        yield body
    finally:
        body.file.close()


@router.put("/v1/keys/{key_id}")
def put_keys(
    service: ServiceOf, sender: Sender, body: Annotated[SpooledBody, Depends(_spooled)], key_id: str
) -> JSONResponse:
    """Stores evaluation keys whose framing is that of a served plan."""
    if body.sha256 != key_id:
        raise Refused(ErrorCode.HASH_MISMATCH)
    plan_hashes = _plans_with_this_framing(service.engines, body)
    if not plan_hashes:
        raise Refused(ErrorCode.FRAMING_CHANGED, "evaluation keys")
    is_new = not all(service.ledger.has_keys(sender, key_id, plan_hash) for plan_hash in plan_hashes)
    if is_new:
        is_new = _store(service, sender, key_id, plan_hashes, body)
    return JSONResponse({"key_id": key_id}, status_code=201 if is_new else 200)


def _store(service: Service, sender: str, key_id: str, plan_hashes: list[str], body: SpooledBody) -> bool:
    """Whether the keys were new; the blob is written first, so that no row names one that is not there."""
    body.file.seek(0)
    blob = service.blobs.put(body.file, body.sha256)
    try:
        is_new = service.ledger.add_keys(sender, key_id, plan_hashes, blob, service.clock())
    except QuietkeysError:
        service.blobs.delete(blob)
        raise
    if not is_new:
        service.blobs.delete(blob)
    return is_new


def _plans_with_this_framing(engines: Engines, body: SpooledBody) -> list[str]:
    """The served plans whose frame of evaluation keys this file has; only the frame's pages are read."""
    candidates = [plan_hash for plan_hash, engine in engines.items() if engine.frames.keys.size == body.size]
    if not candidates or not body.size:
        return []
    with (
        mmap.mmap(body.file.fileno(), body.size, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        return [plan_hash for plan_hash in candidates if engines[plan_hash].frames.keys.matches(view)]
