"""The client, against trainers that are slow, silent or break off, and with somebody who stops waiting."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from quietkeys import ErrorCode, Outcome, Trainer
from quietkeys.remote import http as transport_module
from quietkeys.remote.http import Body, Request, RequestsTransport
from tests.sdk.conftest import Rig
from tests.sdk.http_trainer import serving
from tests.sdk.remote.test_client import JOB, always, client_of, code_of

ENOUGH_S = 30.0  # on a busy machine; these servers take a minute


def silent(handler: BaseHTTPRequestHandler) -> None:
    """A server that says nothing."""
    time.sleep(60.0)


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    """A server whose headers never end."""
    handler.send_response(200)
    handler.flush_headers()
    handler.wfile.write(b"X-Long: ")
    for _ in range(1200):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def dripping_body(handler: BaseHTTPRequestHandler) -> None:
    """A server that answers one byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1200")
    handler.end_headers()
    for _ in range(1200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def sipping(handler: BaseHTTPRequestHandler) -> None:
    """A server that takes a request a little at a time."""
    while handler.rfile.read1(10_000):
        time.sleep(0.05)


@pytest.mark.parametrize("behaviour", [silent, dripping_headers, dripping_body, sipping])
def test_a_slow_trainer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, behaviour: Callable[..., None]
) -> None:
    """However little at a time a request is taken or answered, it ends as unreachable when its time is up."""
    monkeypatch.setattr(transport_module, "SILENCE_S", 0.2)
    monkeypatch.setattr(transport_module, "EXCHANGE_S", 0.3)
    monkeypatch.setattr(transport_module, "SLOWEST_BYTES_PER_S", 1 << 30)
    request = Request("PUT", "/", {}, Body.of(bytes(20_000_000) if behaviour is sipping else b""), 1000)
    with serving(behaviour) as url:
        start = time.monotonic()
        assert code_of(lambda: RequestsTransport(url).send(request)) is ErrorCode.TRAINER_UNREACHABLE
        assert time.monotonic() - start < ENOUGH_S


def test_a_large_body_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent at no less than the slowest rate is not cut off."""
    monkeypatch.setattr(transport_module, "EXCHANGE_S", 0.0)
    monkeypatch.setattr(transport_module, "SLOWEST_BYTES_PER_S", 100)

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        always(200, b"taken")(handler)

    with serving(slow) as url:
        request = Request("PUT", "/", {}, Body.of(bytes(1000)), 1000)
        assert RequestsTransport(url).send(request).content == b"taken"


def test_stopping_ends_a_request_under_way() -> None:
    """Whoever closes the profile does not wait for the trainer, and nothing more is sent."""
    stop = threading.Event()
    with serving(silent) as url:
        transport, request = RequestsTransport(url, stop), Request("GET", "/", {}, Body.of(b""), 1000)
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        for _ in range(2):
            start = time.monotonic()
            assert code_of(lambda: transport.send(request)) is ErrorCode.TRAINER_UNREACHABLE
            assert time.monotonic() - start < ENOUGH_S
        timer.join()


def test_stopping_ends_a_handshake_under_way() -> None:
    """A trainer that takes a connection and never says a word of TLS is not waited for either."""
    stop, timer_s = threading.Event(), 0.2
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transport = RequestsTransport(f"https://127.0.0.1:{listening.getsockname()[1]}", stop)
        timer = threading.Timer(timer_s, stop.set)
        timer.start()
        start = time.monotonic()
        request = Request("GET", "/", {}, Body.of(b""), 1000)
        assert code_of(lambda: transport.send(request)) is ErrorCode.TRAINER_UNREACHABLE
        assert timer_s <= time.monotonic() - start < 2.0
        timer.join()


def test_closing_ends_a_sync_under_way(rig: Rig) -> None:
    """Closing a profile ends the request that its sync waits for."""
    reached = threading.Event()

    def reached_and_silent(handler: BaseHTTPRequestHandler) -> None:
        reached.set()
        silent(handler)

    with serving(reached_and_silent) as url, ThreadPoolExecutor(1) as pool:
        keyboard = rig.open_learned(trainer=Trainer(url), transport=None)
        syncing = pool.submit(keyboard.sync)
        assert reached.wait(900)
        start = time.monotonic()
        keyboard.close()
        assert time.monotonic() - start < ENOUGH_S
        assert syncing.result().outcome is Outcome.CANCELLED


def test_an_answer_that_breaks_off_is_tried_again() -> None:
    """Fewer bytes than announced are no answer."""

    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1200")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    with serving(broken) as url:
        assert code_of(lambda: client_of(url).fetch_update(JOB)) is ErrorCode.TRAINER_UNREACHABLE
