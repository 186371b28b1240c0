"""Whether this process is alive: asked of both addresses, and answered without a thread or a database."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from quietkeys_protocol.messages import Health
from quietkeys_trainer.http.request_bodies import answer_of

router: Final = APIRouter()


@router.get("/healthz")
async def health() -> Response:
    """Answer as long as this process answers at all: one that does not is to be started again."""
    return answer_of(Health("ok"))
