"""Who is looked at: before anything is parsed, routed or logged, whoever asks too much is sent away.

What an address may have only so much of is counted after the answer, when it is known whether a device of
ours has signed: `authenticate` says so in the scope.
"""

from __future__ import annotations

import math
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import Failure
from quietkeys_protocol.signing import DEVICE_HEADER
from quietkeys_trainer.http.metrics import Metrics
from quietkeys_trainer.http.request_bodies import answer_of
from quietkeys_trainer.ledger.accounts import Throttled
from quietkeys_trainer.service.addresses import Strangers

KNOWN: Final = "quietkeys.known"  # set in the scope of a request that a device, or the operator, has proved
_DEVICE: Final = DEVICE_HEADER.lower().encode()
_ALIVE: Final = "/healthz"


class Gate:
    """Answers 429 to an address that has sent too many unsigned requests, and closes the connection."""

    def __init__(self, app: ASGIApp, strangers: Strangers, metrics: Metrics) -> None:
        self.app, self.strangers, self.metrics = app, strangers, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope["client"] else ""
        device_id = next((value for name, value in scope["headers"] if name == _DEVICE), b"")[:64].decode(
            "latin-1"
        )
        alive = scope["path"] == _ALIVE
        wait_s = self.strangers.wait_s(address, device_id, alive=alive)
        if wait_s > 0:
            self.metrics.rejections.labels(ErrorCode.TOO_MANY_REQUESTS.value).inc()
            refusal = Throttled(math.ceil(wait_s), "requests from this address")
            headers = {
                "Connection": "close",
                "Retry-After": str(refusal.retry_after_s),
                "Cache-Control": "no-store",
            }
            answer = answer_of(Failure.of(refusal), refusal.code.status, headers)
            await answer(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.strangers.note(address, device_id, is_known=KNOWN in scope, alive=alive)
