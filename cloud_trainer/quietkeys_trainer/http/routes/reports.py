"""The arrival of reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.containers import MAX_REPORT_BYTES, Report, decode_report
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, StartOver
from quietkeys_protocol.messages import ReportAccepted
from quietkeys_protocol.signing import IDEMPOTENCY_HEADER, is_id
from quietkeys_trainer.engine.interface import Engine, engine_of
from quietkeys_trainer.http.auth import authenticate, single_header
from quietkeys_trainer.http.request_bodies import SpooledBody, admit, answer_of, spool_body
from quietkeys_trainer.ledger.jobs import Acceptance, Arrival
from quietkeys_trainer.service.parts import Service, ServiceOf
from quietkeys_trainer.storage.blobs import BlobDamagedError

router: Final = APIRouter()


async def _container(request: Request, service: ServiceOf) -> AsyncIterator[SpooledBody]:
    await admit(request, service.pressure)
    body = await spool_body(request, MAX_REPORT_BYTES, service.spool)
    try:
        yield body
    finally:
        body.file.close()


@router.post("/v1/reports")
def receive(
    request: Request, service: ServiceOf, body: Annotated[SpooledBody, Depends(_container)]
) -> Response:
    """Accept a report and queue the job it asks for; the same report again answers with the same job."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    idempotency_key = single_header(request, IDEMPOTENCY_HEADER)
    if not is_id(idempotency_key):
        raise Refused(ErrorCode.REQUEST_MALFORMED, IDEMPOTENCY_HEADER)
    content = body.content
    report = decode_report(content)
    job = service.jobs.repeated(sender, idempotency_key, body.sha256)
    if job is None:
        _check_framing(report, engine_of(service.engines, service.retired, report.plan_hash.hex()))
        _require_keys(service, sender, report)
        service.ledger.admit_report(sender, report.key_id.hex(), report.source, service.clock())
        service.pressure.admit_job(service.jobs.waiting)
        job = _store(service, Arrival(sender, report, "", body.sha256, idempotency_key), content).job
    return answer_of(ReportAccepted(job.job_id), 202)


def _require_keys(service: Service, sender: str, report: Report) -> None:
    """Raise `StartOver` where the keys of a report are not stored (any longer)."""
    key_id = report.key_id.hex()
    if not service.ledger.has_keys(sender, key_id, report.plan_hash.hex()):
        raise StartOver(ErrorCode.KEY_UNKNOWN)
    try:
        service.blobs.size(service.ledger.key_blob(sender, key_id))
    except BlobDamagedError as error:
        raise StartOver(ErrorCode.KEY_UNKNOWN) from error


def _check_framing(report: Report, engine: Engine) -> None:
    """Refuse a report whose values the circuit of its plan could not take; look at their frames only."""
    if report.sources > engine.plan.sources:
        raise Refused(ErrorCode.FRAMING_CHANGED, "sources")
    if len(report.ciphertexts) != len(engine.frames.report):
        raise Refused(ErrorCode.FRAMING_CHANGED, "number of values")
    for field, frame, ciphertext in zip(
        engine.plan.report_fields, engine.frames.report, report.ciphertexts, strict=True
    ):
        if not frame.matches(ciphertext):
            raise Refused(ErrorCode.FRAMING_CHANGED, f"{field.quantity} of {field.block}")


def _store(service: Service, arrival: Arrival, content: bytes) -> Acceptance:
    """Store a report, its blob first, so that no row names one that is not there; return its acceptance."""
    blob = service.blobs.put(content, arrival.sha256)
    try:
        acceptance = service.jobs.accept(replace(arrival, blob=blob), service.clock())
    except QuietkeysError:
        service.blobs.delete(blob)
        raise
    if not acceptance.took_blob:
        service.blobs.delete(blob)
    return acceptance
