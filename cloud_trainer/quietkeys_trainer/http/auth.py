"""Who sent a request: Ed25519 over the signing string, within the time window, once.

The order matters: nothing is parsed or noted before the signature holds, so nobody reaches a parser without
a name, and nobody can use up another device's nonces. A device that is not (or no longer) enrolled answers as
everything unknown does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends
from starlette.requests import Request

from quietkeys_protocol import signing
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import Enrolment
from quietkeys_protocol.signing import Credentials
from quietkeys_trainer.http.gate import KNOWN
from quietkeys_trainer.http.request_bodies import BODY_BYTES, Body
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.service.parts import ServiceOf


def authenticate(ledger: Ledger, request: Request, body_sha256: str, now: float) -> str:
    """Return the id of the enrolled device that signed this request with this body."""
    credentials = _credentials(request, now)
    _verify(request, credentials, ledger.public_key(credentials.device_id), body_sha256)
    body_bytes = request.scope.get(BODY_BYTES, 0)
    ledger.use_nonce(credentials.device_id, credentials.nonce, credentials.time, now, body_bytes)
    request.scope[KNOWN] = True
    return credentials.device_id


def _require_known(request: Request, service: ServiceOf) -> None:
    """Refuse a request whose headers name no enrolled device; say nothing about who sent it."""
    service.ledger.public_key(_credentials(request, service.clock()).device_id)


# Of a route with a large body: who has not even heard of a device does not get to send one.
Known = Annotated[None, Depends(_require_known)]


def authenticate_newcomer(request: Request, body: Body, now: float) -> bytes:
    """Return the public key that signed this request; it is searched for in the body, which is not parsed."""
    credentials = _credentials(request, now)
    public_key = Enrolment.key_in(body.content, credentials.device_id)
    if public_key is None:
        raise Refused(ErrorCode.SIGNATURE_INVALID)
    _verify(request, credentials, public_key, body.sha256)
    return public_key


def authenticate_leaver(ledger: Ledger, request: Request, body_sha256: str, now: float) -> str:
    """Return the id of the device that signed this request, enrolled or with the public key that it shows.

    Of a device that is not enrolled nothing is noted: whatever it asks finds nothing of its own.
    """
    credentials = _credentials(request, now)
    shown = single_header(request, signing.PUBLIC_KEY_HEADER)
    if not shown or ledger.knows(credentials.device_id):
        return authenticate(ledger, request, body_sha256, now)
    _verify(request, credentials, signing.shown_key(shown, credentials.device_id), body_sha256)
    return credentials.device_id


def note_newcomer(ledger: Ledger, request: Request, now: float) -> None:
    """Note that a request of `authenticate_newcomer` was received; raise `Refused` if it was before.

    Apart, because what is refused for another reason is to leave no row.
    """
    credentials = _credentials(request, now)
    ledger.use_nonce(credentials.device_id, credentials.nonce, credentials.time, now)


def single_header(request: Request, name: str) -> str:
    """Return the value of a header, empty where it is missing; raise `Refused` where it is given twice."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise Refused(ErrorCode.REQUEST_MALFORMED, f"{name} given twice")
    return values[0] if values else ""


def _credentials(request: Request, now: float) -> Credentials:
    names = (
        signing.DEVICE_HEADER,
        signing.TIME_HEADER,
        signing.NONCE_HEADER,
        signing.SIGNATURE_HEADER,
    )
    headers: Mapping[str, str] = {name: single_header(request, name) for name in names}
    credentials = signing.parse_credentials(headers)
    signing.check_time(credentials.time, now)
    return credentials


def _verify(request: Request, credentials: Credentials, public_key: bytes, body_sha256: str) -> None:
    """Refuse a request that this key did not sign; a query is refused because it would not be signed."""
    if request.scope["query_string"]:
        raise Refused(ErrorCode.REQUEST_MALFORMED, "query")
    signed = signing.signing_string(
        request.method,
        request.scope["raw_path"].decode("latin-1"),
        credentials.time,
        credentials.nonce,
        body_sha256,
    )
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(credentials.signature, signed)
    except (InvalidSignature, ValueError) as error:
        raise Refused(ErrorCode.SIGNATURE_INVALID) from error
