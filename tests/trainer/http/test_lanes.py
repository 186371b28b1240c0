"""Work that waits for disks has threads of its own."""

from __future__ import annotations

import threading

import anyio
import anyio.to_thread

from quietkeys_trainer.http.request_bodies import Lane

WAITING = 60  # more than the pool that handlers share has threads


def test_what_is_quick_does_not_wait_behind_what_is_slow() -> None:
    """Sixty that wait hold two threads, handlers get theirs at once, and in the end all have run."""
    lane, release = Lane("test", 2), threading.Event()
    at_once, most, done = 0, 0, 0
    lock = threading.Lock()

    def slow(number: int) -> int:
        nonlocal at_once, most, done
        with lock:
            at_once += 1
            most = max(most, at_once)
        assert release.wait(900)
        with lock:
            at_once -= 1
            done += 1
        return number

    async def ask(number: int) -> None:
        assert await lane.run(slow, number) == number

    async def all_of_them() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for number in range(WAITING):
                    group.start_soon(ask, number)
                while at_once < 2:
                    await anyio.sleep(0.01)
                assert await anyio.to_thread.run_sync(lambda: "quick") == "quick"
                assert at_once == 2
                release.set()

    anyio.run(all_of_them)
    assert (most, done) == (2, WAITING)
    release.clear()
    anyio.run(all_of_them)  # in another event loop, where another service might run
    assert done == 2 * WAITING
