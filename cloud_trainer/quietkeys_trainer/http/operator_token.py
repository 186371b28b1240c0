"""The operator's token, for what operators do over HTTP. Its digest lies in the state folder.

What operators do on the trainer's own machine (`admin`) needs no token: who can read the ledger needs to ask
nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.http.gate import KNOWN
from quietkeys_trainer.service.parts import ServiceOf
from quietkeys_trainer.storage.files import PRIVATE, write_whole

_SCHEME: Final = "Bearer "


def make_token(path: Path) -> str:
    """Write a new token in the place of the earlier one; return it: it is shown here and never again."""
    token = secrets.token_hex(32)
    write_whole(path, _digest(token).encode(), PRIVATE)
    return token


def is_token(path: Path | None, token: str) -> bool:
    """Return whether this is the token, compared in a time that does not depend on it."""
    if path is None:
        return False
    try:
        expected = path.read_text()
    except FileNotFoundError:
        return False
    return hmac.compare_digest(expected.encode(), _digest(token).encode())


def _require_operator(request: Request, service: ServiceOf) -> None:
    """Refuse a request that does not show the operator's token."""
    shown = request.headers.getlist("authorization")
    if len(shown) != 1 or not shown[0].startswith(_SCHEME):
        raise Refused(ErrorCode.OPERATOR_REFUSED)
    if not is_token(service.operator_token, shown[0].removeprefix(_SCHEME)):
        raise Refused(ErrorCode.OPERATOR_REFUSED)
    request.scope[KNOWN] = True


# Of a route for operators alone.
Operator = Annotated[None, Depends(_require_operator)]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
