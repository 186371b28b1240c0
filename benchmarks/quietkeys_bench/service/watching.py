"""A trainer seen from outside while devices are at it: its metrics, its processes, and those who ask it."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import requests

from quietkeys_bench.common.processes import ChildFailed, child

CHILDREN: Final = 5  # processes that the devices under way are spread over
SAMPLE_S: Final = 1.0


def shares(number: int, at_once: int) -> Iterator[dict[str, int]]:
    """Yield which devices each process of them has, and how many of those are under way at a time."""
    children = min(CHILDREN, at_once, number)
    first = 0
    for which in range(children):
        devices = number // children + (which < number % children)
        yield {
            "first": first,
            "devices": devices,
            "at_once": at_once // children + (which < at_once % children),
        }
        first += devices


def talk(
    module: str,
    told: Iterable[Mapping[str, Any]],
    hear: Callable[[int, dict[str, Any]], None],
    longest_s: float,
) -> None:
    """Start a process for each thing that is told; hear every line that they say, until all have ended.

    hear: called with the number of the process and its line, never by two at once. The processes are ended
    whatever happens. Raises ChildFailed.
    """
    lock = threading.Lock()

    def listen(number: int, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            with lock:
                hear(number, json.loads(line))

    with ExitStack() as stack:
        children, listeners = [], []
        for number, one in enumerate(told):
            process = stack.enter_context(child(["-m", module]))
            children.append(process)
            if process.stdin is not None:
                process.stdin.write(json.dumps(one))
                process.stdin.close()
            listeners.append(threading.Thread(target=listen, args=(number, process), daemon=True))
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join(longest_s)
        for process in children:
            if status := process.wait(60):
                raise ChildFailed(status)


@contextmanager
def every_moment(look: Callable[[], None], pause_s: float = SAMPLE_S) -> Iterator[None]:
    """Look now and then for as long as the block lasts; a look that gets no answer is left out."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(pause_s):
            try:
                look()
            except requests.RequestException:
                continue

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def sample(url: str) -> tuple[float, float, float]:
    """Return how many jobs wait, how many are run, and how many runs had their result stored."""
    text = requests.get(f"{url}/metrics", timeout=30).text
    names = ("quietkeys_queue_depth", "quietkeys_jobs_running", 'quietkeys_job_seconds_count{outcome="done"}')
    waiting, running, done = (_value(text, name) for name in names)
    return waiting, running, done


def _value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
