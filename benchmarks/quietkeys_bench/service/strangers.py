"""Strangers for the bench of a service: `python -m quietkeys_bench.service.strangers`, told on stdin.

They hold so many connections: a fifth keeps silent, a fifth sends a head a byte at a time, a fifth announces
a body that never comes, a fifth asks for something once and then keeps its connection, a fifth asks again
as soon as it is answered. Whoever is cut off connects again after `PAUSE_S`. They come from `ADDRESSES`
addresses of loopback, where the system has them. They stop when their standard input ends, and say how
often they connected and how often the last fifth was answered.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

PAUSE_S: Final = 1.0
ADDRESSES: Final = 40
_HEAD: Final = b"GET /v1/service HTTP/1.1\r\nHost: trainer\r\n"
_HALF: Final = b"POST /v1/devices HTTP/1.1\r\nHost: trainer\r\nContent-Length: 1000\r\n\r\n{"
_ONCE: Final = _HEAD + b"\r\n"
_AGAIN: Final = 4


@dataclass(slots=True)
class Done:
    """Connections that were made, and answers that came to those who ask again and again."""

    made: int = 0
    answered: int = 0


async def hold(told: dict[str, Any]) -> Done:
    """Hold connections until standard input ends; return what was done."""
    done = Done()
    address = urlsplit(told["url"])

    async def stranger(number: int) -> None:
        from_here = (f"127.0.1.{1 + number // 5 % ADDRESSES}", 0) if sys.platform == "linux" else None
        while True:
            writer = None
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(
                    address.hostname, address.port, local_addr=from_here
                )
                done.made += 1
                await _annoy(number % 5, reader, writer, done)
            if writer is not None:
                writer.close()
            await asyncio.sleep(PAUSE_S)

    tasks = [asyncio.create_task(stranger(number)) for number in range(told["number"])]
    while done.made < told["number"]:
        await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    return done


async def _annoy(kind: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, done: Done) -> None:
    """Keep a connection until the trainer ends it."""
    writer.write((b"", _HEAD, _HALF, _ONCE, _ONCE)[kind])
    if kind == _AGAIN:
        while await reader.read(65536):
            done.answered += 1
            writer.write(_ONCE)
        return
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
    done = asyncio.run(hold(json.loads(sys.stdin.readline())))
    print(json.dumps({"made": done.made, "answered": done.answered}), flush=True)


if __name__ == "__main__":
    main()
