"""The OpenAPI document at `/openapi.json`: what each route takes and answers.

Handlers read their bodies themselves, bounded and streamed, so there is nothing that the framework could
derive this from. A test compares the document with the routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from quietkeys_protocol import containers as wire
from quietkeys_protocol import signing
from quietkeys_protocol.errors import ErrorCode

Schema = Mapping[str, Any]

ID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
NUMBER: Final[Schema] = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,14})$"}
BYTES: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
TEXT: Final[Schema] = {"type": "string"}
JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
BINARY: Final[Schema] = {"type": "string", "format": "binary"}

_PARAMETERS: Final[Mapping[str, Schema]] = {
    "device_id": ID,
    "invitation_id": ID,
    "job_id": ID,
    "key_id": HASH,
    "offset": NUMBER,
    "plan_hash": HASH,
    "sha256": HASH,
}
_CREDENTIALS: Final = (
    signing.DEVICE_HEADER,
    signing.TIME_HEADER,
    signing.NONCE_HEADER,
    signing.SIGNATURE_HEADER,
)
_IDEMPOTENCY: Final[Schema] = {
    "name": signing.IDEMPOTENCY_HEADER,
    "in": "header",
    "required": True,
    "schema": ID,
}


def fields(**schemas: Schema) -> Schema:
    """An object of exactly these fields."""
    return {
        "type": "object",
        "properties": schemas,
        "required": sorted(schemas),
        "additionalProperties": False,
    }


def state(*names: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(names)}


@dataclass(frozen=True, slots=True)
class Content:
    """What a body is: its media type and its schema."""

    schema: Schema
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: the body it takes, the answers that are no errors, whether requests are signed."""

    answers: Mapping[int, Content | None]
    body: Content | None = None
    signed: bool = True
    parameters: tuple[Schema, ...] = ()


def octets(most: int) -> Content:
    """A body of bytes."""
    return Content({**BINARY, "maxLength": most}, OCTETS)


_KEY_STATE: Final = Content(fields(key_id=HASH, state=state("absent", "partial", "stored"), received=NUMBER))
_ENROLLED: Final = Content(fields(device_id=ID, trainer_key=BYTES))
_MEMBER: Final = fields(device_id=ID, source=NUMBER, card=BYTES)
_STATES: Final = state("queued", "running", "done", "failed", "superseded")

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("GET", "/v1/service"): Operation({200: Content(fields(trainer_key=BYTES))}, signed=False),
    ("POST", "/v1/devices"): Operation({200: _ENROLLED, 201: _ENROLLED}, Content(fields(public_key=BYTES))),
    ("GET", "/v1/devices/{device_id}"): Operation({200: Content(fields(device_id=ID))}),
    ("DELETE", "/v1/devices/{device_id}"): Operation(
        {200: Content(fields(device_id=ID, deleted_at=NUMBER, nonce=ID, signature=BYTES))}
    ),
    ("GET", "/v1/plans/{plan_hash}"): Operation({200: Content({"type": "object"})}),
    ("GET", "/v1/keys/{key_id}"): Operation({200: _KEY_STATE}),
    ("PUT", "/v1/keys/{key_id}/parts/{offset}"): Operation(
        {200: _KEY_STATE}, octets(wire.MAX_KEY_PART_BYTES)
    ),
    ("DELETE", "/v1/keys/{key_id}"): Operation({204: None}),
    ("POST", "/v1/reports"): Operation(
        {202: Content(fields(job_id=ID))}, octets(wire.MAX_REPORT_BYTES), parameters=(_IDEMPOTENCY,)
    ),
    ("GET", "/v1/jobs/{job_id}"): Operation(
        {200: Content(fields(job_id=ID, state=_STATES, blocks_done=NUMBER))}
    ),
    ("GET", "/v1/jobs/{job_id}/update"): Operation({200: octets(wire.MAX_UPDATE_BYTES)}),
    ("GET", "/v1/circle"): Operation(
        {
            200: Content(
                fields(
                    members={"type": "array", "items": _MEMBER},
                    key_id={"type": "string", "pattern": "^([0-9a-f]{64})?$"},
                )
            )
        }
    ),
    ("PUT", "/v1/circle/card"): Operation({204: None}, octets(wire.MAX_CARD_BYTES)),
    ("POST", "/v1/invitations"): Operation(
        {201: Content(fields(invitation_id=ID))},
        Content(fields(invitation_id=ID, claim_sha256=HASH, package=BYTES)),
    ),
    ("POST", "/v1/invitations/{invitation_id}/claim"): Operation(
        {200: Content(fields(package=BYTES, source=NUMBER))}, Content(fields(claim=HASH))
    ),
    ("DELETE", "/v1/circle/members/{device_id}"): Operation({204: None}),
    ("PUT", "/v1/circle/mail/{device_id}"): Operation({204: None}, octets(wire.MAX_PACKAGE_BYTES)),
    ("GET", "/v1/circle/mail"): Operation({200: Content(fields(sender=ID, package=BYTES)), 204: None}),
    ("DELETE", "/v1/circle/mail/{sha256}"): Operation({204: None}),
    ("POST", "/v1/admin/invites"): Operation(
        {201: Content(fields(invite=TEXT))}, Content(fields(uses=NUMBER, days=NUMBER)), signed=False
    ),
    ("GET", "/healthz"): Operation({200: Content(fields(status=state("ok")))}, signed=False),
    ("GET", "/readyz"): Operation({200: Content(fields(status=state("ready")))}, signed=False),
    ("GET", "/metrics"): Operation({200: Content(TEXT, "text/plain")}, signed=False),
    ("GET", "/openapi.json"): Operation({200: Content({"type": "object"})}, signed=False),
    ("GET", "/"): Operation({200: Content(TEXT, "text/html")}, signed=False),
}


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The document of these routes. Raises `KeyError` for one that is not described here."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                described = _described(route, method, OPERATIONS[method, route.path])
                paths.setdefault(route.path, {})[method.lower()] = described
    codes = sorted(code.value for code in ErrorCode if code.status)
    error = fields(code={"type": "string", "enum": codes}, message=TEXT, advice=TEXT)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quietkeys trainer",
            "version": version("quietkeys"),
            "description": "Trains on encrypted reports. Requests are signed as docs/PROTOCOL.md says.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": fields(error=error)},
            "responses": {"Error": _answer("What went wrong", Content(_reference("schemas", "Error")))},
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": name} for name in _CREDENTIALS
            },
        },
    }


def _described(route: APIRoute, method: str, operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _PARAMETERS[name]}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    described: dict[str, Any] = {
        "operationId": f"{method.lower()}_{route.name}",
        "summary": (route.endpoint.__doc__ or "").partition("\n")[0],
        "parameters": [*parameters, *operation.parameters],
        "responses": {
            **{str(status): _answer("Done", content) for status, content in operation.answers.items()},
            "default": _reference("responses", "Error"),
        },
        "security": [{name: [] for name in _CREDENTIALS}] if operation.signed else [],
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    return described


def _answer(description: str, content: Content | None) -> dict[str, Any]:
    return {"description": description} | ({} if content is None else {"content": _content(content)})


def _content(content: Content) -> dict[str, Any]:
    return {content.media_type: {"schema": content.schema}}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
