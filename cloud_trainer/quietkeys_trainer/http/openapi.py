"""The OpenAPI document at `/openapi.json`: what each route takes and answers.

Handlers read their bodies themselves, bounded and streamed, so there is nothing that the framework could
derive this from: bodies are those of `quietkeys_protocol.messages`. Tests compare the document with the
routes, and with what devices and trainers say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from quietkeys_protocol import signing
from quietkeys_protocol.containers import (
    MAX_CARD_BYTES,
    MAX_KEY_PART_BYTES,
    MAX_PACKAGE_BYTES,
    MAX_REPORT_BYTES,
    MAX_UPDATE_BYTES,
)
from quietkeys_protocol.json_bodies import Body, Schema, decimal, hex_text
from quietkeys_protocol.messages import (
    Circle,
    Claim,
    Claimed,
    Enrolled,
    Enrolment,
    Failure,
    Health,
    Invitation,
    Invite,
    Invited,
    InviteWish,
    JobProgress,
    KeyState,
    KnownDevice,
    Mail,
    Receipt,
    ReportAccepted,
    ServiceKey,
)

ID: Final = hex_text(16).schema
HASH: Final = hex_text(32).schema
NUMBER: Final = decimal(0, 10**15 - 1).schema
TEXT: Final[Schema] = {"type": "string"}
JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
ANY_OBJECT: Final[Schema] = {"type": "object"}
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
_SHOWN_KEY: Final[Schema] = {
    "name": signing.PUBLIC_KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "contentEncoding": "base64", "minLength": 44, "maxLength": 44},
}


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
    """Return the description of a body of bytes."""
    return Content({**BINARY, "maxLength": most}, OCTETS)


def json(body: type[Body]) -> Content:
    """Return the description of a body in JSON."""
    return Content(body.schema())


OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("GET", "/v1/service"): Operation({200: json(ServiceKey)}, signed=False),
    ("POST", "/v1/devices"): Operation({200: json(Enrolled), 201: json(Enrolled)}, json(Enrolment)),
    ("GET", "/v1/devices/{device_id}"): Operation({200: json(KnownDevice)}),
    ("DELETE", "/v1/devices/{device_id}"): Operation({200: json(Receipt)}, parameters=(_SHOWN_KEY,)),
    ("GET", "/v1/plans/{plan_hash}"): Operation({200: Content(ANY_OBJECT)}),
    ("GET", "/v1/keys/{key_id}"): Operation({200: json(KeyState)}),
    ("PUT", "/v1/keys/{key_id}/parts/{offset}"): Operation({200: json(KeyState)}, octets(MAX_KEY_PART_BYTES)),
    ("DELETE", "/v1/keys/{key_id}"): Operation({204: None}),
    ("POST", "/v1/reports"): Operation(
        {202: json(ReportAccepted)}, octets(MAX_REPORT_BYTES), parameters=(_IDEMPOTENCY,)
    ),
    ("GET", "/v1/jobs/{job_id}"): Operation({200: json(JobProgress)}),
    ("GET", "/v1/jobs/{job_id}/update"): Operation({200: octets(MAX_UPDATE_BYTES)}),
    ("GET", "/v1/circle"): Operation({200: json(Circle)}),
    ("PUT", "/v1/circle/card"): Operation({204: None}, octets(MAX_CARD_BYTES)),
    ("POST", "/v1/invitations"): Operation({201: json(Invited)}, json(Invitation)),
    ("POST", "/v1/invitations/{invitation_id}/claim"): Operation({200: json(Claimed)}, json(Claim)),
    ("DELETE", "/v1/circle/members/{device_id}"): Operation({204: None}),
    ("PUT", "/v1/circle/mail/{device_id}"): Operation({204: None}, octets(MAX_PACKAGE_BYTES)),
    ("GET", "/v1/circle/mail"): Operation({200: json(Mail), 204: None}),
    ("DELETE", "/v1/circle/mail/{sha256}"): Operation({204: None}),
    ("POST", "/v1/admin/invites"): Operation({201: json(Invite)}, json(InviteWish), signed=False),
    ("GET", "/healthz"): Operation({200: json(Health)}, signed=False),
    ("GET", "/readyz"): Operation({200: json(Health)}, signed=False),
    ("GET", "/metrics"): Operation({200: Content(TEXT, "text/plain")}, signed=False),
    ("GET", "/openapi.json"): Operation({200: Content(ANY_OBJECT)}, signed=False),
    ("GET", "/"): Operation({200: Content(TEXT, "text/html")}, signed=False),
}


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the document of these routes. Raises `KeyError` for one that is not described here."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                described = _described(route, method, OPERATIONS[method, route.path])
                paths.setdefault(route.path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quietkeys trainer",
            "version": version("quietkeys"),
            "description": "Trains on encrypted reports. Requests are signed as docs/PROTOCOL.md says.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": Failure.schema()},
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
