"""`serve` and `worker`: from settings to running processes."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.engine.circuit_cache import require_own
from quietkeys_trainer.engine.interface import Engine, EngineLoader, Executor, ExecutorKind
from quietkeys_trainer.engine.local_executor import LocalExecutor
from quietkeys_trainer.http.app import make_api, make_private_api
from quietkeys_trainer.http.metrics import Metrics
from quietkeys_trainer.plans.catalogue import ServedPlan
from quietkeys_trainer.plans.served import advice_of, load_engines, served_plans
from quietkeys_trainer.processes.connections import BACKLOG, BoundedServer, Bounds, Room
from quietkeys_trainer.processes.logs import configure_logs
from quietkeys_trainer.processes.stop_signals import Stop
from quietkeys_trainer.processes.supervisor import Supervisor
from quietkeys_trainer.processes.worker import Worker
from quietkeys_trainer.service.founding import found_trainer
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.files import PUBLIC, write_whole

MOST_OPERATORS: Final = 64  # connections to the private address
KEEP_ALIVE_S: Final = 30
GRACE_S: Final = 10  # for requests that are under way when the service stops


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 is any free one.

    certificate, key: PEM files, for TLS. plain: without these, and other machines may connect all the same.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    plain: bool = False

    @property
    def has_tls(self) -> bool:
        """Whether what is sent is encrypted on its way."""
        return self.certificate is not None and self.key is not None

    def require_private(self) -> None:
        """Refuse to serve other machines in the clear, unless told to: a proxy may stand in front."""
        if (self.certificate is None) != (self.key is None):
            raise Refused(ErrorCode.ADDRESS_EXPOSED, "a certificate and its key belong together")
        if not (self.has_tls or self.plain or _is_loopback(self.host)):
            raise Refused(ErrorCode.ADDRESS_EXPOSED)

    def require_certificate(self) -> None:
        """Refuse a certificate that cannot be used, before anything says that it is ready."""
        if self.certificate is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, _no_password)
        except (OSError, ValueError) as error:  # what they say may quote a file
            detail = f"{self.certificate} and {self.key} are no certificate and its key without a password"
            raise Refused(ErrorCode.SETTING_INVALID, detail) from error


def serve(
    settings: Settings,
    load: EngineLoader,
    worker_command: Callable[[str], Sequence[str]],
    say_ready: Callable[[str], None],
) -> None:
    """Serve until told to stop; `say_ready` gets one line of JSON once requests are answered.

    worker_command: makes the command line of a worker, which reads its settings on standard input, from its
    name.
    """
    address = Address(
        settings.host, settings.port, settings.tls_certificate, settings.tls_key, settings.plain_http
    )
    address.require_private()
    address.require_certificate()
    configure_logs("api")
    stop = Stop()
    stop.listen(at_once=False)
    service = _open_to_serve(settings, load)
    listening, private = _listen(address), _listen(Address(settings.private_host, settings.private_port))
    port = listening.getsockname()[1]
    told = settings.model_dump_json().encode()
    supervisor = Supervisor(service, worker_command, settings.worker_count, told)
    supervisor.start()
    try:
        served = {"url": _url(address, port), "private_url": _private_url(private)}
        ready = json.dumps({**served, "pid": os.getpid(), "plans": _pins(service)})
        say_ready(ready)
        if settings.ready_file is not None:
            write_whole(settings.ready_file, f"{ready}\n".encode(), PUBLIC)
        structlog.get_logger().info("ready", port=port, workers=settings.worker_count)
        metrics = Metrics(service.ledger.database, supervisor.living, service.clock, service.figures)
        beside = _private_server(service, metrics)
        with _running_beside(beside, private):
            _run(_server(service, metrics, settings, address), listening, stop)
    finally:
        listening.close()
        private.close()
        supervisor.stop(stop)
        structlog.get_logger().info("stopped")


def work(settings: Settings, load: EngineLoader, name: str = "", parent: int = 0) -> None:
    """Work until told to stop, or until the process `parent` is gone (0: there is none to watch).

    name: 32 hex digits; "" draws one.
    """
    configure_logs("worker")
    stop = Stop()
    stop.listen(at_once=True)
    if parent:
        stop.when_orphaned(parent)
    service = _open_to_work(settings, load)
    executor = _executor(settings, load)
    stop.listen(at_once=True)  # again: Ray has taken the signals
    structlog.get_logger().info("worker_ready", executor=settings.executor.value)
    try:
        Worker(service, name or secrets.token_hex(16), settings.lease_seconds, executor).work(stop.asked)
    finally:
        executor.close()


def _executor(settings: Settings, load: EngineLoader) -> Executor:
    if settings.executor is ExecutorKind.LOCAL:
        return LocalExecutor(settings.warm_bytes)
    from quietkeys_trainer.engine.ray_executor import RayExecutor

    return RayExecutor(settings.address, load)


def _open_to_serve(settings: Settings, load: EngineLoader) -> Service:
    """Compile circuits, then make a trainer unless there is one; return the service."""
    plans, engines = _plans(settings, load)
    key = found_trainer(settings, time.time())
    return open_service(settings, engines, advice_of(plans), key)


def _open_to_work(settings: Settings, load: EngineLoader) -> Service:
    """Compile circuits; return the service of the trainer that is there, which signs nothing."""
    plans, engines = _plans(settings, load)
    return open_service(settings, engines, advice_of(plans))


def _plans(settings: Settings, load: EngineLoader) -> tuple[tuple[ServedPlan, ...], dict[str, Engine]]:
    """Return the plans to serve and their circuits, compiled in the state folder."""
    os.umask(0o077)
    settings.make_folders()
    require_own(settings.circuits)
    plans = served_plans(settings)
    return plans, load_engines(plans, settings, load)


def _pins(service: Service) -> dict[str, str]:
    """Return the client specification hash of every served plan, for devices to pin."""
    return {name: engine.client_specification_sha256 for name, engine in service.engines.items()}


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        detail = f"{address.host} port {address.port}: {error.strerror or 'cannot be listened to'}"
        raise Refused(ErrorCode.SETTING_INVALID, detail) from error


def _url(address: Address, port: int) -> str:
    scheme = "https" if address.has_tls else "http"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{port}"


def _private_url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return _url(Address(str(host), port), port)


def _no_password() -> str:
    return ""  # a key with one would have somebody asked for it at the terminal


def _is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to an address.

    Of a name only "localhost" is known to be that.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _run(server: uvicorn.Server, listening: socket.socket, stop: Stop) -> None:
    """Run the server until a signal, also one that came before the server began to listen to them."""

    def end() -> None:
        stop.asked.wait()
        server.should_exit = True

    threading.Thread(target=end, name="stop-watch", daemon=True).start()
    server.run(sockets=[listening])


@contextmanager
def _running_beside(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    """Run a server in a thread, with an event loop of its own, as long as the block lasts."""
    thread = threading.Thread(target=server.run, args=([listening],), name="private", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(GRACE_S)


def _server(service: Service, metrics: Metrics, settings: Settings, address: Address) -> uvicorn.Server:
    bounds = Bounds(settings.connections, settings.connections_per_address, settings.proxies).fitted()
    room = Room(bounds, lambda reason: metrics.ended.labels(reason).inc(), service.strangers)
    config = _config(make_api(service, metrics), settings.proxies, address)
    return BoundedServer(config, room)


def _private_server(service: Service, metrics: Metrics) -> uvicorn.Server:
    config = _config(make_private_api(service, metrics), (), Address("", 0))
    return BoundedServer(config, Room(Bounds(MOST_OPERATORS, MOST_OPERATORS)))


def _config(app: FastAPI, proxies: Sequence[str], address: Address) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )
