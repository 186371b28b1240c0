"""Strangers who hold connections: they make room for others, whatever they keep silent about."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import pytest
import requests
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from quietkeys_protocol.errors import ErrorCode
from quietkeys_trainer.processes import connections
from quietkeys_trainer.processes.connections import SPARE, BoundedServer, Bounds, Room
from tests.patience import HANGS_S
from tests.trainer.device import Device, code
from tests.trainer.http.test_tls import certify
from tests.trainer.running import Trainer, open_files, running, wait_until

ROOM: Final = 32  # connections of a trainer of these tests
SILENT: Final = b""
SLOW: Final = b"GET /v1/service HTTP/1.1\r\nHost: t\r\nX-More: "
HALF: Final = b"POST /v1/devices HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    """A trainer with room for few connections."""
    folder = tmp_path_factory.mktemp("crowded")
    with running(folder, "--workers", "0", "--connections", str(ROOM)) as trainer:
        yield trainer


def connect(url: str, said: bytes = SILENT, source: str = "127.0.0.1") -> socket.socket:
    """A connection on which so much was said."""
    address = urlsplit(url)
    assert address.hostname is not None and address.port is not None
    found = socket.create_connection((address.hostname, address.port), HANGS_S, (source, 0))
    found.sendall(said)
    return found


@contextmanager
def crowd(url: str, number: int, said: bytes, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many connections on which so much was said, as long as the block lasts."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(url, said, source)) for _ in range(number)]


def is_over(connection: socket.socket) -> bool:
    """Whether the other side has ended a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(65536) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(HANGS_S)


@pytest.mark.parametrize("said", [SILENT, SLOW, HALF])
def test_strangers_keep_nobody_out(trainer: Trainer, said: bytes) -> None:
    """Twenty times as many connections as there is room for: devices and health are answered all the same."""
    with crowd(trainer.url, 20 * ROOM, said) as held:
        for _ in range(5):
            assert requests.get(trainer.url + "/healthz", timeout=HANGS_S).json() == {"status": "ok"}
            device = trainer.device()
            assert device.send("GET", f"/v1/devices/{device.device_id}").status_code == 200
        wait_until(lambda: sum(map(is_over, held)) >= 19 * ROOM)
    figures = requests.get(trainer.private_url + "/metrics", timeout=HANGS_S).text
    assert 'quietkeys_connections_ended_total{reason="full"}' in figures


def test_what_never_comes_is_not_waited_for(trainer: Trainer) -> None:
    """A head that does not end, and silence, end a connection; a slow body gets its typed answer."""
    with ExitStack() as stack:
        silent, slow = (stack.enter_context(connect(trainer.url, said)) for said in (SILENT, SLOW))
        half = stack.enter_context(connect(trainer.url, HALF))
        for _ in range(4):
            time.sleep(2.0)
            slow.sendall(b"x")  # a byte now and then is no end
        wait_until(lambda: is_over(silent))
        wait_until(lambda: is_over(slow))
        answer = b""
        while b"}}" not in answer:
            part = half.recv(65536)
            assert part
            answer += part
        assert b"body_too_slow" in answer


def test_descriptors_come_back(trainer: Trainer) -> None:
    """Whatever strangers held open is closed when they are gone."""
    assert trainer.process is not None
    before = open_files(trainer.process.pid)
    with crowd(trainer.url, 3 * ROOM, HALF):
        wait_until(lambda: open_files(trainer.process.pid) > before)  # type: ignore[union-attr]
        assert open_files(trainer.process.pid) <= before + 2 * (ROOM + SPARE)
    wait_until(lambda: open_files(trainer.process.pid) <= before)  # type: ignore[union-attr]


def test_an_address_has_its_share(tmp_path: Path) -> None:
    """More connections than one address may have end its own, not those of others; a proxy has no share."""
    shares = ("--connections-per-address", "4", "--proxies", "127.0.0.1,127.0.0.8/31")
    with running(tmp_path, "--workers", "0", *shares) as trainer, ExitStack() as stack:
        other = stack.enter_context(connect(trainer.url, source="127.0.0.3"))
        proxy = stack.enter_context(crowd(trainer.url, 20, SILENT, "127.0.0.9"))
        held = stack.enter_context(crowd(trainer.url, 10, SILENT, "127.0.0.2"))
        wait_until(lambda: sum(map(is_over, held)) == 6)
        assert [is_over(one) for one in held] == [True] * 6 + [False] * 4
        assert not any(map(is_over, [other, *proxy]))
        assert Device(trainer.url).enrol().status_code == 201


def test_few_files_mean_few_connections(tmp_path: Path) -> None:
    """Where the system allows few open files there is room for fewer connections, and all of them work."""
    with running(tmp_path, "--workers", "0", QUIETKEYS_TEST_OPEN_FILES="400") as trainer:
        assert trainer.process is not None
        with crowd(trainer.url, 600, HALF):
            device = trainer.device()
            assert device.send("GET", f"/v1/devices/{device.device_id}").status_code == 200
            assert open_files(trainer.process.pid) < 400


@contextmanager
def served(app: FastAPI, most: int, certificates: tuple[Path, Path] | None = None) -> Iterator[str]:
    """The address of an application behind a room for so many connections."""
    certificate, key = certificates or (None, None)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", ssl_certfile=certificate, ssl_keyfile=key
    )
    server = BoundedServer(config, Room(Bounds(most, most, ["127.0.0.1"])))
    listening = socket.create_server(("127.0.0.1", 0), backlog=connections.BACKLOG)
    port = listening.getsockname()[1]  # later it is the server's alone
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        scheme = "http" if certificates is None else "https"
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(HANGS_S)


def test_nobody_is_ended_while_being_answered() -> None:
    """Where all are, a few more connections are told that the trainer is busy, or alive if they ask that."""
    app, asked, release = FastAPI(), [0], threading.Event()

    @app.get("/slow")
    async def slow(_: Request) -> PlainTextResponse:
        asked[0] += 1
        while not release.is_set():
            await anyio.sleep(0.01)
        return PlainTextResponse("at last")

    @app.get("/healthz")
    async def health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    with served(app, most=3) as url, crowd(url, 3, b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n") as held:
        wait_until(lambda: asked[0] == 3)
        assert requests.get(url + "/healthz", timeout=HANGS_S).text == "ok"
        busy = requests.get(url + "/slow", timeout=HANGS_S)
        assert code(busy) == (503, ErrorCode.TRAINER_BUSY)
        assert busy.headers["Retry-After"] == "5"
        release.set()
        for one in held:
            assert b"200 OK" in one.recv(65536)


def test_strangers_who_never_agree_on_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sized: Callable[[int, int], int]
) -> None:
    """With TLS of its own a trainer makes room from the first byte on, and gives up on silence as well."""
    monkeypatch.setattr(connections, "HEAD_S", 3.0)
    app = FastAPI()

    @app.get("/healthz")
    async def health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    certificates = certify(tmp_path, "trainer")
    with served(app, most=16, certificates=certificates) as url:
        with crowd(url, sized(200, 2000), SILENT) as held:
            answer = requests.get(url + "/healthz", timeout=HANGS_S, verify=str(certificates[0]))
            assert answer.text == "ok"
            wait_until(lambda: all(map(is_over, held)))
        context = ssl.create_default_context(cafile=str(certificates[0]))
        context.check_hostname = False
        with context.wrap_socket(connect(url), server_hostname="localhost") as silent:
            assert silent.recv(100) == b""
