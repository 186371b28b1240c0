"""What an operator's own services may ask for: invites, to hand on to devices they know."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.messages import Invite, InviteWish
from quietkeys_trainer.http.operator_token import Operator
from quietkeys_trainer.http.request_bodies import Body, answer_of, read_body
from quietkeys_trainer.ledger.invites import make_invite
from quietkeys_trainer.service.parts import ServiceOf

DAY_S: Final = 86_400.0

router: Final = APIRouter()


async def _wish(request: Request, _: Operator) -> Body:
    return await read_body(request, InviteWish.MAX_BYTES)


@router.post("/v1/admin/invites")
def invite(service: ServiceOf, body: Annotated[Body, Depends(_wish)]) -> Response:
    """Make an invite for so many devices and days; asked with the operator's token."""
    wish, now = InviteWish.parse(body.content), service.clock()
    token = make_invite(service.ledger.database, wish.uses, now, now + wish.days * DAY_S)
    return answer_of(Invite(token), 201)
