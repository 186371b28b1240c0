"""Both kinds of trainer, the service and the one in memory, behind the SDK's own client."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import uvicorn

from quietkeys.environment import Environment
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport, Transport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.testing import InMemoryTrainer
from quietkeys.testing.fakes import KEY_BYTES, MAGIC, encode_clear, noop_plan_hash
from quietkeys_protocol.containers import (
    Report,
    encode_report,
)
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_trainer.http.app import make_api
from quietkeys_trainer.ledger.accounts import NO_LIMITS
from quietkeys_trainer.service.founding import found_trainer
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.service.tidy import tidy
from tests.trainer.fake_engine import PLAN, FakeEngine, wrap
from tests.trainer.stores import Storage, in_folder

START: Final = 1_700_000_000.0
CLAIM: Final = bytes(range(32))


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to."""

    now: float = START

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass(slots=True)
class Side:
    """One kind of trainer: how to reach it, and what it takes. `clock`: there and on its devices."""

    transport: Transport
    trainer_key: bytes
    plan_hash: str
    keys: Callable[[bytes], bytes]
    values: Callable[[], tuple[bytes, ...]]
    clock: Clock
    tidy: Callable[[], None]

    def stranger(self, identity: Identity | None = None) -> TrainerClient:
        """A device that the trainer does not know, or one of this identity."""
        environment = Environment(clock=self.clock, sleep=lambda _: None)
        return TrainerClient(identity or Identity.generate(), self.transport, environment)

    def device(self) -> TrainerClient:
        """An enrolled device."""
        client = self.stranger()
        assert client.enrol() == self.trainer_key
        return client

    def put_keys(self, device: TrainerClient, folder: Path, name: bytes = b"one") -> str:
        """The id of evaluation keys that are now stored."""
        keys = self.keys(name)
        key_id = hashlib.sha256(keys).hexdigest()
        (folder / key_id).write_bytes(keys)
        upload_keys(device, folder / key_id, key_id)
        return key_id

    def report(self, device: TrainerClient, key_id: str, source: int, sequence: int = 1) -> str:
        """The job of a report of a source, of two."""
        head = (bytes.fromhex(self.plan_hash), bytes.fromhex(key_id), source, 2, sequence)
        return device.post_report(encode_report(Report(*head, self.values())), secrets.token_hex(16))


@contextmanager
def served(service: Service) -> Iterator[str]:
    """The address of a service that runs in a thread."""
    config = uvicorn.Config(make_api(service), port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def in_memory() -> Side:
    """The trainer of `quietkeys.testing`."""
    clock = Clock()
    trainer = InMemoryTrainer(PLAN, polls=10**6, clock=clock)
    return Side(
        transport=trainer,
        trainer_key=trainer.trainer_key,
        plan_hash=noop_plan_hash(PLAN),
        keys=lambda name: MAGIC + name.ljust(KEY_BYTES, b"."),
        values=lambda: tuple(encode_clear(zeros(field.size)) for field in PLAN.report_fields),
        clock=clock,
        tidy=lambda: None,
    )


def zeros(size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """An array of nothing."""
    return np.zeros(size, dtype=np.int64)


@contextmanager
def real(folder: Path, *more: FakeEngine, storage: Storage | None = None) -> Iterator[Side]:
    """The service, over the fake engine, and more of them, without workers; its state is in the folder."""
    clock, engine = Clock(), FakeEngine(key_bytes=4096)
    at = in_folder(folder / "state") if storage is None else storage
    made = Settings(state=folder / "state", database=at.database, blobs=at.blobs, enrolments_per_minute=0)
    key = found_trainer(made, START)
    opened = open_service(made, {one.plan.hash: one for one in (engine, *more)}, trainer_key=key)
    service = replace(opened, ledger=replace(opened.ledger, limits=NO_LIMITS), clock=clock)

    def tidied() -> None:
        tidy(service, clock.now)

    with served(service) as url:
        yield Side(
            transport=RequestsTransport(url),
            trainer_key=key.public_key,
            plan_hash=PLAN.hash,
            keys=lambda name: wrap(engine.frames.keys, name),
            values=lambda: tuple(wrap(frame, b"x") for frame in engine.frames.report),
            clock=clock,
            tidy=tidied,
        )
    service.ledger.database.dispose()


def code_of(call: Callable[..., object], *arguments: object) -> ErrorCode:
    """The code of the error that a call raises."""
    with pytest.raises(QuietkeysError) as caught:
        call(*arguments)
    return caught.value.code


def circle_of_two(side: Side) -> tuple[TrainerClient, TrainerClient]:
    """Two devices that share an account."""
    first, second = side.device(), side.device()
    invitation = invite(first)
    assert second.claim(invitation, CLAIM).source == 1
    return first, second


def invite(device: TrainerClient, package: bytes = b"sealed") -> str:
    """The id of an invitation."""
    invitation = secrets.token_hex(16)
    device.invite(invitation, hashlib.sha256(CLAIM).hexdigest(), package)
    return invitation


def id_of(device: TrainerClient) -> str:
    """The id of a device."""
    return device.device_id
