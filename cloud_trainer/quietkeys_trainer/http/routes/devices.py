"""Enrolment and deletion of devices, and the key that the trainer's receipts are verified with."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, TryAgain
from quietkeys_protocol.messages import Enrolled, Enrolment, KnownDevice, Receipt, ServiceKey
from quietkeys_protocol.signing import NONCE_HEADER, device_id_of
from quietkeys_trainer.http.auth import (
    authenticate,
    authenticate_leaver,
    authenticate_newcomer,
    note_newcomer,
    single_header,
)
from quietkeys_trainer.http.gate import KNOWN
from quietkeys_trainer.http.request_bodies import Body, NoBody, answer_of, read_body
from quietkeys_trainer.ledger.newcomers import require_welcome
from quietkeys_trainer.service.parts import ServiceOf
from quietkeys_trainer.service.tidy import erase

router: Final = APIRouter()


async def _enrolment(request: Request) -> Body:
    return await read_body(request, Enrolment.MAX_BYTES)


@router.get("/v1/service")
def service_key(service: ServiceOf) -> Response:
    """Answer with the public half of what receipts are signed with; anybody may ask."""
    return answer_of(ServiceKey(service.signing_key.public_key))


@router.post("/v1/devices")
def enrol(request: Request, service: ServiceOf, body: Annotated[Body, Depends(_enrolment)]) -> Response:
    """Enrol the public key in the body, which has signed the request; `invite` where one is asked for."""
    now = service.clock()
    public_key = authenticate_newcomer(request, body, now)
    enrolment = Enrolment.parse(body.content)
    if enrolment.public_key != public_key:
        raise Refused(ErrorCode.REQUEST_MALFORMED, "public_key")
    device_id = device_id_of(public_key)
    if not service.ledger.knows(device_id):
        require_welcome(service.ledger, device_id, enrolment.invite, now)
        service.require_storage()
        service.newcomers.admit(request.client.host if request.client else "", "enrolments")
    note_newcomer(service.ledger, request, now)
    is_new = service.ledger.enrol(device_id, public_key, now, enrolment.invite)
    request.scope[KNOWN] = True  # it is ours from now on, and how many come is counted apart
    return answer_of(Enrolled(device_id, service.signing_key.public_key), 201 if is_new else 200)


@router.get("/v1/devices/{device_id}")
def find(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> Response:
    """Answer the device itself that it is known, and nobody else."""
    if authenticate(service.ledger, request, body.sha256, service.clock()) != device_id:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    return answer_of(KnownDevice(device_id))


@router.delete("/v1/devices/{device_id}")
def forget(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> Response:
    """Delete the device that asks, every row and blob of it, and say so with a signature once all are gone.

    It can ask for nobody else's deletion. One that is not here (any longer), and shows its key, gets its
    receipt as well: the answer to an earlier request may have been lost.
    """
    if authenticate_leaver(service.ledger, request, body.sha256, service.clock()) != device_id:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    is_deleted = service.ledger.delete_device(device_id, service.clock())
    if is_deleted or not service.ledger.is_erased(device_id):
        erase(service)
    if not service.ledger.is_erased(device_id):
        raise TryAgain(ErrorCode.DELETION_UNDER_WAY)
    deleted_at, nonce = int(service.clock()), single_header(request, NONCE_HEADER)
    signature = service.signing_key.sign_deletion(device_id, deleted_at, nonce)
    return answer_of(Receipt(device_id, deleted_at, nonce, signature))
