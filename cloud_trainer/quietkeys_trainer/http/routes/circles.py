"""Circles of devices: members, invitations, mail. What passes through here is sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES
from quietkeys_protocol.messages import Claim, Invitation, Invited
from quietkeys_trainer.http.auth import Known, authenticate
from quietkeys_trainer.http.request_bodies import NoBody, SpooledBody, answer_of, spool_body
from quietkeys_trainer.service.parts import Service, ServiceOf
from quietkeys_trainer.service.tidy import erase

router: Final = APIRouter()


def _at_most(limit: int) -> Callable[[Request, Service, None], AsyncIterator[SpooledBody]]:
    """Return what reads a route's body of at most `limit` bytes."""

    async def body(request: Request, service: ServiceOf, _: Known) -> AsyncIterator[SpooledBody]:
        read = await spool_body(request, limit, service.spool)
        try:
            yield read
        finally:
            read.file.close()

    return body


Card = Annotated[SpooledBody, Depends(_at_most(MAX_CARD_BYTES))]
Package = Annotated[SpooledBody, Depends(_at_most(MAX_PACKAGE_BYTES))]
InvitationBody = Annotated[SpooledBody, Depends(_at_most(Invitation.MAX_BYTES))]
ClaimBody = Annotated[SpooledBody, Depends(_at_most(Claim.MAX_BYTES))]


@router.get("/v1/circle")
def circle(request: Request, service: ServiceOf, body: NoBody) -> Response:
    """Answer who shares the account of the device that asks, and its newest evaluation keys."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    return answer_of(service.circles.of(sender))


@router.put("/v1/circle/card")
def put_card(request: Request, service: ServiceOf, body: Card) -> Response:
    """Set what the circle sees of the device that asks."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.set_card(sender, body.content)
    return Response(status_code=204)


@router.post("/v1/invitations")
def invite(request: Request, service: ServiceOf, body: InvitationBody) -> Response:
    """Keep a package for one device that shows the claim."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    invitation = Invitation.parse(body.content)
    service.circles.invite(sender, invitation, now)
    return answer_of(Invited(invitation.invitation_id), 201)


@router.post("/v1/invitations/{invitation_id}/claim")
def claim(request: Request, service: ServiceOf, body: ClaimBody, invitation_id: str) -> Response:
    """Take the device that asks into the inviter's circle."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    claimed = service.circles.claim(sender, invitation_id, Claim.parse(body.content).claim, now)
    erase(service)
    return answer_of(claimed)


@router.delete("/v1/circle/members/{device_id}")
def remove(request: Request, service: ServiceOf, body: NoBody, device_id: str) -> Response:
    """Take a member out of the circle of the device that asks, or this device itself."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.remove(sender, device_id)
    erase(service)
    return Response(status_code=204)


@router.put("/v1/circle/mail/{device_id}")
def put_mail(request: Request, service: ServiceOf, body: Package, device_id: str) -> Response:
    """Keep a package for a member."""
    now = service.clock()
    sender = authenticate(service.ledger, request, body.sha256, now)
    service.circles.put_mail(sender, device_id, body.content, now)
    return Response(status_code=204)


@router.get("/v1/circle/mail")
def mail(request: Request, service: ServiceOf, body: NoBody) -> Response:
    """Answer with the oldest package for the device that asks; 204 where there is none."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    found = service.circles.mail(sender)
    return Response(status_code=204) if found is None else answer_of(found)


@router.delete("/v1/circle/mail/{sha256}")
def drop_mail(request: Request, service: ServiceOf, body: NoBody, sha256: str) -> Response:
    """Drop the package with this hash."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    service.circles.drop_mail(sender, sha256)
    return Response(status_code=204)
