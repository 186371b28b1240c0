"""Strangers for the bench of a service: `python -m quietkeys_bench.service.strangers`, told on stdin.

They hold so many connections: a quarter keeps silent, a quarter sends a head a byte at a time, a quarter
announces a body that never comes, a quarter asks for something once and then keeps its connection. Whoever is
cut off connects again after `PAUSE_S`. They stop when their standard input ends, and say how often they
connected.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

PAUSE_S: Final = 1.0
_HEAD: Final = b"GET /v1/service HTTP/1.1\r\nHost: trainer\r\n"
_HALF: Final = b"POST /v1/devices HTTP/1.1\r\nHost: trainer\r\nContent-Length: 1000\r\n\r\n{"
_ONCE: Final = _HEAD + b"\r\n"


async def hold(told: dict[str, Any]) -> int:
    """Hold connections until standard input ends; return how many were made."""
    made = 0
    address = urlsplit(told["url"])

    async def stranger(number: int) -> None:
        nonlocal made
        while True:
            writer = None
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
                made += 1
                await _annoy(number % 4, reader, writer)
            if writer is not None:
                writer.close()
            await asyncio.sleep(PAUSE_S)

    tasks = [asyncio.create_task(stranger(number)) for number in range(told["number"])]
    while made < told["number"]:
        await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    return made


async def _annoy(kind: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep a connection until the trainer ends it."""
    writer.write((b"", _HEAD, _HALF, _ONCE)[kind])
    if kind != 1:
        await reader.read()
        return
    while not reader.at_eof():
        await asyncio.sleep(PAUSE_S)
        writer.write(b"X")
        await writer.drain()


def main() -> None:
    """Run what standard input's first line tells."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made = asyncio.run(hold(json.loads(sys.stdin.readline())))
    print(json.dumps({"made": made}), flush=True)


if __name__ == "__main__":
    main()
