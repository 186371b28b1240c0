"""Enrolment and deletion of devices."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quietkeys_protocol.errors import ErrorCode, Refused, StartOver
from quietkeys_protocol.signing import PUBLIC_KEY_BYTES, parse_base64
from quietkeys_trainer.auth import authenticate, authenticate_newcomer
from quietkeys_trainer.bodies import Body, NoBody, read_body
from quietkeys_trainer.database import forget_history
from quietkeys_trainer.service import ServiceOf
from quietkeys_trainer.tidy import delete_doomed

MAX_ENROLMENT_BYTES: Final = 1024

router: Final = APIRouter()


async def _enrolment(request: Request) -> Body:
    return await read_body(request, MAX_ENROLMENT_BYTES)


@router.post("/v1/devices")
def enrol(request: Request, service: ServiceOf, body: Annotated[Body, Depends(_enrolment)]) -> JSONResponse:
    """Enrols the public key in the body, which has signed the request."""
    public_key = _public_key(body.content)
    now = service.clock()
    device_id = authenticate_newcomer(service.ledger, request, public_key, body.sha256, now)
    is_new = service.ledger.enrol(device_id, public_key, now)
    return JSONResponse({"device_id": device_id}, status_code=201 if is_new else 200)


@router.delete("/v1/devices/{device_id}")
def forget(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> Response:
    """Deletes the device that asks, every row and blob of it; it can ask for nobody else's deletion."""
    if authenticate(service.ledger, request, body.sha256, service.clock()) != device_id:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    service.ledger.delete_device(device_id)
    delete_doomed(service.ledger, service.blobs)
    forget_history(service.ledger.database)
    return Response(status_code=204)


def _public_key(content: bytes) -> bytes:
    """The key in `{"public_key": base64}`, and nothing besides."""
    try:
        tree = json.loads(content, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.REQUEST_MALFORMED, "not JSON") from error
    if not isinstance(tree, dict) or tree.keys() != {"public_key"} or not isinstance(tree["public_key"], str):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "public_key")
    return parse_base64(tree["public_key"], PUBLIC_KEY_BYTES, "public_key")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError
    return tree
