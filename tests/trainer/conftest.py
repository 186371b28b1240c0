"""Running trainers for the tests of this folder: one over the fake engine, one over the real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from quietkeys.cipher import ProcessCipher
from quietkeys_bench.common.cluster import cluster
from quietkeys_protocol.plan import Plan, Quantity
from quietkeys_protocol.templates import Frames
from tests.fhe_fixtures import SMALL_PLAN, Compiled
from tests.trainer.device import Device
from tests.trainer.fake_engine import CONTROL, FakeEngine
from tests.trainer.filled import Filled
from tests.trainer.running import Trainer, fake_keys, fake_values, running
from tests.trainer.sides import Side, in_memory, real
from tests.trainer.stores import Services, Storage, in_folder
from tests.trainer.worker_bench import Bench, open_bench


@dataclass(frozen=True, slots=True)
class Rig:
    """A running trainer and what its plan takes: evaluation keys, and the values of a report by number."""

    trainer: Trainer
    frames: Frames
    keys: bytes
    values: Callable[[int], tuple[bytes, ...]]
    devices: list[Device] = field(default_factory=list)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        # For hypothesis, which would print megabytes of keys instead of what went wrong.
        printer.text("Rig")

    @property
    def plan(self) -> Plan:
        """The plan it serves."""
        return self.trainer.plan

    def device(self) -> Device:
        """An enrolled device, deleted after the test."""
        device = self.trainer.device()
        device.form = self.frames.key_form
        self.devices.append(device)
        return device

    def ready_device(self) -> Device:
        """An enrolled device whose keys are stored."""
        device = self.device()
        assert device.put_keys(self.keys).json()["state"] == "stored"
        return device

    def clear(self) -> None:
        """Deletes the devices: evaluation keys are large."""
        while self.devices:
            device = self.devices.pop()
            device.send("DELETE", f"/v1/devices/{device.device_id}")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command run in this process logs to a stream that is closed after it; no later test inherits it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """A PostgreSQL server and an S3 server."""
    services = Services()
    try:
        services.postgres.start()
        services.bucket.start()
        yield services
    finally:
        services.postgres.stop()
        services.bucket.stop()


@pytest.fixture
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Where a trainer in `tmp_path` keeps things: there, or on servers (see `on_both`)."""
    if getattr(request, "param", "folder") == "folder":
        return in_folder(tmp_path / "state")
    services: Services = request.getfixturevalue("services")
    return services.new_storage()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    services: Services = request.getfixturevalue("services")
    return services.postgres.new_database()


@pytest.fixture(scope="session")
def fake_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One trainer with two workers over the fake engine."""
    with running(tmp_path_factory.mktemp("fake"), "--workers", "2") as trainer:
        frames = FakeEngine().frames
        yield Rig(trainer, frames, fake_keys(b"one"), lambda number: fake_values(b"report %d" % number))


@pytest.fixture(scope="session")
def cloud_session(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[Rig]:
    """The same on PostgreSQL and S3, with a worker that has its jobs run by a Ray cluster of two nodes."""
    storage, folder = services.new_storage(), tmp_path_factory.mktemp("cloud")
    with cluster({CONTROL: str(folder / "control")}) as nodes:
        for _ in range(2):
            nodes.add(1)
        ray = ("--executor", "ray", "--address", nodes.address)
        with running(folder, *ray, **storage.variables()) as trainer:
            frames = FakeEngine().frames
            yield Rig(trainer, frames, fake_keys(b"one"), lambda number: fake_values(b"report %d" % number))


@pytest.fixture(scope="session")
def real_session(
    tmp_path_factory: pytest.TempPathFactory, compiled: Compiled, cipher: ProcessCipher
) -> Iterator[Rig]:
    """One trainer with one worker over the real engine, started with the product's own command line."""
    folder = tmp_path_factory.mktemp("real")
    cipher.write_evaluation_keys(folder / "keys")

    def values(number: int) -> tuple[bytes, ...]:
        small = {Quantity.STRENGTH: 5 + number, Quantity.GRADIENT: 100 * number}
        fields = SMALL_PLAN.report_fields
        arrays = [np.full(field.size, small[field.quantity], dtype=np.int64) for field in fields]
        return tuple(cipher.encrypt(arrays))

    pin = compiled.parameters.specification_sha256.hex()
    trainer = Trainer(folder, module="quietkeys_trainer", plan=SMALL_PLAN, pin=pin)
    trainer.has_circuits(compiled.engine.folder)
    trainer.start()
    yield Rig(trainer, compiled.parameters.frames, (folder / "keys").read_bytes(), values)
    assert trainer.stop() == 0


@pytest.fixture
def fake_rig(fake_session: Rig) -> Iterator[Rig]:
    """A trainer over the fake engine, without this test's devices afterwards."""
    yield fake_session
    fake_session.clear()


@pytest.fixture(params=["fake", "cloud", pytest.param("real", marks=pytest.mark.fhe)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A trainer, whichever engine, storage and executor it has: what is tested with it holds for all."""
    session: Rig = request.getfixturevalue(f"{request.param}_session")
    yield session
    session.clear()


@pytest.fixture(params=["in memory", "service", "service on PostgreSQL and S3"])
def side(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    """Each kind of trainer."""
    if request.param == "in memory":
        yield in_memory()
        return
    storage = in_folder(tmp_path / "state")
    if request.param != "service":
        services: Services = request.getfixturevalue("services")
        storage = services.new_storage()
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    with real(tmp_path, storage=storage) as side:
        yield side


@pytest.fixture
def filled(storage: Storage, tmp_path: Path) -> Iterator[Filled]:
    """A trainer that two devices use, running."""
    trainer = Trainer(tmp_path, storage.variables())
    trainer.start()
    one = Filled(tmp_path, storage, trainer)
    try:
        one.fill()
        yield one
    finally:
        if not trainer.ended():
            trainer.stop()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A worker without its service around it."""
    with open_bench(tmp_path) as bench:
        yield bench
