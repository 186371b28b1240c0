"""Enrolment and deletion of devices, and the key that the trainer's receipts are verified with."""

from __future__ import annotations

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from quietkeys_protocol.errors import ErrorCode, StartOver
from quietkeys_protocol.signing import NONCE_HEADER, PUBLIC_KEY_BYTES, parse_base64
from quietkeys_trainer.http.auth import authenticate, authenticate_newcomer, single_header
from quietkeys_trainer.http.request_bodies import Body, NoBody, read_body, text_fields
from quietkeys_trainer.service.parts import Service, ServiceOf
from quietkeys_trainer.service.tidy import erase

MAX_ENROLMENT_BYTES: Final = 1024

router: Final = APIRouter()


async def _enrolment(request: Request) -> Body:
    return await read_body(request, MAX_ENROLMENT_BYTES)


@router.get("/v1/service")
def service_key(service: ServiceOf) -> JSONResponse:
    """The public half of what receipts are signed with; anybody may ask."""
    return JSONResponse({"trainer_key": _trainer_key(service)})


@router.post("/v1/devices")
def enrol(request: Request, service: ServiceOf, body: Annotated[Body, Depends(_enrolment)]) -> JSONResponse:
    """Enrols the public key in the body, which has signed the request; `invite` where one is asked for."""
    fields = text_fields(body, {"public_key"}, optional=frozenset({"invite"}))
    public_key = parse_base64(fields["public_key"], PUBLIC_KEY_BYTES, "public_key")
    now = service.clock()
    device_id = authenticate_newcomer(service.ledger, request, public_key, body.sha256, now)
    is_new = service.ledger.enrol(device_id, public_key, now, fields.get("invite", ""))
    answer = {"device_id": device_id, "trainer_key": _trainer_key(service)}
    return JSONResponse(answer, status_code=201 if is_new else 200)


@router.get("/v1/devices/{device_id}")
def find(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> JSONResponse:
    """Answers the device itself that it is known, and nobody else."""
    if authenticate(service.ledger, request, body.sha256, service.clock()) != device_id:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    return JSONResponse({"device_id": device_id})


@router.delete("/v1/devices/{device_id}")
def forget(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> JSONResponse:
    """Deletes the device that asks, every row and blob of it, and says so with a signature.

    It can ask for nobody else's deletion.
    """
    if authenticate(service.ledger, request, body.sha256, service.clock()) != device_id:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    service.ledger.delete_device(device_id, service.clock())
    erase(service)
    deleted_at, nonce = int(service.clock()), single_header(request, NONCE_HEADER)
    signature = service.trainer_key.sign_deletion(device_id, deleted_at, nonce)
    return JSONResponse(
        {
            "device_id": device_id,
            "deleted_at": str(deleted_at),
            "nonce": nonce,
            "signature": base64.b64encode(signature).decode(),
        }
    )


def _trainer_key(service: Service) -> str:
    return base64.b64encode(service.trainer_key.public_key).decode()
