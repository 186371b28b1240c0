"""What an operator's own services may ask for: invites, to hand on to devices they know."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.http.operator_token import Operator
from quietkeys_trainer.http.request_bodies import Body, read_body, text_fields
from quietkeys_trainer.ledger.invites import make_invite
from quietkeys_trainer.service.parts import ServiceOf

MAX_INVITE_BYTES: Final = 256
DAY_S: Final = 86_400.0
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}")

router: Final = APIRouter()


async def _wish(request: Request, _: Operator) -> Body:
    return await read_body(request, MAX_INVITE_BYTES)


@router.post("/v1/admin/invites")
def invite(service: ServiceOf, body: Annotated[Body, Depends(_wish)]) -> JSONResponse:
    """Makes an invite for so many devices and days; asked with the operator's token."""
    fields = text_fields(body, {"uses", "days"})
    if not all(_NUMBER.fullmatch(value) for value in fields.values()):
        raise Refused(ErrorCode.REQUEST_MALFORMED, "numbers")
    now = service.clock()
    expires_at = now + int(fields["days"]) * DAY_S
    token = make_invite(service.ledger.database, int(fields["uses"]), now, expires_at)
    return JSONResponse({"invite": token}, status_code=201)
