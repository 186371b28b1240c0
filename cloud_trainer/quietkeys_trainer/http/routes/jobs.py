"""What a device may ask: the plan, the state of its jobs, their updates."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain
from quietkeys_protocol.messages import JobProgress, JobState
from quietkeys_trainer.engine.interface import engine_of
from quietkeys_trainer.http.auth import authenticate
from quietkeys_trainer.http.request_bodies import NoBody, answer_of
from quietkeys_trainer.service.parts import ServiceOf
from quietkeys_trainer.storage.blobs import BlobDamagedError

router: Final = APIRouter()


@router.get("/v1/plans/{plan_hash}")
def plan(request: Request, service: ServiceOf, body: NoBody, plan_hash: str) -> Response:
    """Answer with the canonical form of a served plan."""
    authenticate(service.ledger, request, body.sha256, service.clock())
    canonical = engine_of(service.engines, service.retired, plan_hash).plan.canonical
    return Response(canonical, media_type="application/json")


@router.get("/v1/jobs/{job_id}")
def job(request: Request, service: ServiceOf, body: NoBody, job_id: str) -> Response:
    """Answer with the state of a job of the device that asks, and how many blocks of its plan are done."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    found = service.jobs.find(sender, job_id)
    return answer_of(JobProgress(found.job_id, found.state, found.blocks_done))


@router.get("/v1/jobs/{job_id}/update")
def update(request: Request, service: ServiceOf, body: NoBody, job_id: str) -> Response:
    """Answer with the update of a job that is done."""
    sender = authenticate(service.ledger, request, body.sha256, service.clock())
    found = service.jobs.find(sender, job_id)
    match found.state:
        case JobState.SUPERSEDED:
            raise StartOver(ErrorCode.JOB_SUPERSEDED)
        case JobState.FAILED:
            raise StartOver(ErrorCode.JOB_FAILED)
        case JobState.QUEUED | JobState.RUNNING:
            raise TryAgain(ErrorCode.UPDATE_NOT_READY)
        case JobState.DONE:
            try:
                container = service.blobs.get(found.update_blob or "")
            except BlobDamagedError as error:
                structlog.get_logger().error("update_damaged", job_id=job_id)
                raise StartOver(ErrorCode.JOB_FAILED) from error
            return Response(container, media_type="application/octet-stream")
