"""`watch`: an engine that was killed is started again, one that ended by itself is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from quietkeys_ibus.watch import watch
from tests.patience import HANGS_S


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The signals of the tests are as they were."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@dataclass(slots=True)
class Engines:
    """Programs in place of the engine, one after the other; each lasts so long by the clock."""

    programs: list[str]
    lasts: float
    now: float = 0.0
    commands: list[list[str]] = field(default_factory=list)

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start the next one."""
        self.commands.append(list(command))
        self.now += self.lasts
        return subprocess.Popen([sys.executable, "-c", self.programs.pop(0)])

    def watched(self) -> int:
        """What `watch` makes of them."""
        return watch(["engine"], self.start, lambda: self.now, lambda _: None)


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_one_that_was_killed_is_started_again() -> None:
    """And told so."""
    engines = Engines([KILLED, "pass"], lasts=60.0)
    assert engines.watched() == 0
    assert engines.commands == [["engine"], ["engine", "--again"]]


def test_one_that_ended_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    """Its status is passed on."""
    engines = Engines(["raise SystemExit(2)"], lasts=60.0)
    assert engines.watched() == 2
    assert len(engines.commands) == 1


def test_one_that_dies_at_once_is_not_started_for_ever() -> None:
    """Three times, then keys just pass."""
    engines = Engines([KILLED] * 9, lasts=0.0)
    engines.watched()
    assert len(engines.commands) == 3


def test_to_end_it_is_passed_on() -> None:
    """And nothing is started again."""
    program = (
        "import subprocess, sys; from quietkeys_ibus.watch import watch;"
        "watch([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(900)'])"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(HANGS_S) == 0


def test_it_loads_nothing_but_the_standard_library() -> None:
    """It is there all day: neither the SDK nor numpy is in it."""
    program = (
        "import sys, quietkeys_ibus.watch; print(sorted({'quietkeys', 'numpy', 'gi'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
