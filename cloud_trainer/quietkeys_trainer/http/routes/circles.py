"""Circles of devices: members, invitations, mail. What passes through here is sealed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.signing import is_hash, is_id, parse_base64_within
from quietkeys_trainer.http.auth import Known, authenticate
from quietkeys_trainer.http.request_bodies import NoBody, SpooledBody, spool_body, text_fields
from quietkeys_trainer.ledger.circles import Offer
from quietkeys_trainer.service.parts import Service, ServiceOf
from quietkeys_trainer.service.tidy import erase

MAX_CLAIM_BYTES: Final = 1024
MAX_INVITATION_BYTES: Final = 1024 + (MAX_PACKAGE_BYTES + 2) // 3 * 4  # base64

router: Final = APIRouter()


def _at_most(limit: int) -> Callable[[Request, Service, None], AsyncIterator[SpooledBody]]:
    """How a route reads its body of at most `limit` bytes."""

    async def body(request: Request, service: ServiceOf, _: Known) -> AsyncIterator[SpooledBody]:
        read = await spool_body(request, limit, service.spool)
        try:
            yield read
        finally:
            read.file.close()

    return body


Card = Annotated[SpooledBody, Depends(_at_most(MAX_CARD_BYTES))]
Package = Annotated[SpooledBody, Depends(_at_most(MAX_PACKAGE_BYTES))]
Invitation = Annotated[SpooledBody, Depends(_at_most(MAX_INVITATION_BYTES))]
Claim = Annotated[SpooledBody, Depends(_at_most(MAX_CLAIM_BYTES))]


@router.get("/v1/circle")
def circle(request: Request, service: ServiceOf, body: NoBody) -> JSONResponse:
    """Who shares the account of the device that asks, and its newest evaluation keys."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    found = service.circles.of(sender)
    members = [
        {
            "device_id": member.device_id,
            "source": str(member.source),
            "card": base64.b64encode(member.card).decode(),
        }
        for member in found.members
    ]
    return JSONResponse({"members": members, "key_id": found.key_id})


@router.put("/v1/circle/card")
def put_card(request: Request, service: ServiceOf, body: Card) -> Response:
    """Sets what the circle sees of the device that asks."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.set_card(sender, body.content)
    return Response(status_code=204)


@router.post("/v1/invitations")
def invite(request: Request, service: ServiceOf, body: Invitation) -> JSONResponse:
    """Keeps a package for one device that shows the claim."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    fields = text_fields(body, {"invitation_id", "claim_sha256", "package"})
    if not is_id(fields["invitation_id"]) or not is_hash(fields["claim_sha256"]):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "invitation")
    package = parse_base64_within(fields["package"], MAX_PACKAGE_BYTES, "package")
    service.circles.invite(sender, Offer(fields["invitation_id"], fields["claim_sha256"], package), now)
    return JSONResponse({"invitation_id": fields["invitation_id"]}, status_code=201)


@router.post("/v1/invitations/{invitation_id}/claim")
def claim(request: Request, service: ServiceOf, body: Claim, invitation_id: str) -> JSONResponse:
    """Takes the device that asks into the inviter's circle."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    shown = text_fields(body, {"claim"})["claim"]
    if not is_hash(shown):  # 32 bytes as well
        raise Refused(ErrorCode.REQUEST_MALFORMED, "claim")
    claimed = service.circles.claim(sender, invitation_id, bytes.fromhex(shown), now)
    erase(service)
    package = base64.b64encode(claimed.package).decode()
    return JSONResponse({"package": package, "source": str(claimed.source)})


@router.delete("/v1/circle/members/{device_id}")
def remove(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> Response:
    """Takes a member out of the circle of the device that asks, or this device itself."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.remove(sender, device_id)
    erase(service)
    return Response(status_code=204)


@router.put("/v1/circle/mail/{device_id}")
def put_mail(request: Request, service: ServiceOf, body: Package, device_id: str) -> Response:
    """Keeps a package for a member."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    service.circles.put_mail(sender, device_id, body.content, now)
    return Response(status_code=204)


@router.get("/v1/circle/mail")
def mail(request: Request, service: ServiceOf, body: NoBody) -> Response:
    """The oldest package for the device that asks; 204 where there is none."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    found = service.circles.mail(sender)
    if found is None:
        return Response(status_code=204)
    return JSONResponse({"sender": found.sender, "package": base64.b64encode(found.package).decode()})


@router.delete("/v1/circle/mail/{sha256}")
def drop_mail(request: Request, service: ServiceOf, body: NoBody, sha256: str) -> Response:
    """Drops the package with this hash."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.drop_mail(sender, sha256)
    return Response(status_code=204)
