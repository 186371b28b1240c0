"""The processes that benches start: what they are told and say, how they fail, and the cores they get."""

from __future__ import annotations

import os

import pytest

from quietkeys_bench.common.processes import (
    ChildFailed,
    ask,
    child,
    family,
    lives,
    one_core,
    own_bytes,
    processor_s,
    resident_bytes,
)
from tests.patience import HANGS_S

ECHO = """
import json, os, sys
print("noise")
print(json.dumps([sys.stdin.read(), os.environ.get("MADE_UP")]))
"""


def test_a_child_is_told_something_and_its_last_line_is_the_answer() -> None:
    """What it says before is left aside; its environment is ours and what was added."""
    assert ask(["-c", ECHO], "told", environment={"MADE_UP": "yes"}) == ["told", "yes"]


@pytest.mark.parametrize(
    ("program", "longest_s", "status"),
    [
        ("raise SystemExit(3)", 60.0, 3),
        ("import time; time.sleep(60)", 0.2, None),
        ("", 60.0, 0),
        ("print('no JSON')", 60.0, 0),
    ],
)
def test_a_child_that_gives_no_answer_is_told_apart(
    program: str, longest_s: float, status: int | None
) -> None:
    """By its exit status; None where its time was up."""
    with pytest.raises(ChildFailed, match="The measured process failed") as caught:
        ask(["-c", program], longest_s=longest_s)
    assert caught.value.status == status


def test_a_child_does_not_outlive_an_error() -> None:
    """What goes wrong while it runs ends it."""
    with pytest.raises(KeyError), child(["-c", "import time; time.sleep(60)"]) as process:
        raise KeyError
    assert process.returncode is not None


def test_one_core_is_given_back() -> None:
    """The process may use all its cores again afterwards."""
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_memory_is_that_of_this_process() -> None:
    """More than an interpreter takes, less than a machine has."""
    assert 10_000_000 < resident_bytes() < 100_000_000_000


BUSY = (
    "import subprocess, sys\n"
    "subprocess.run([sys.executable, '-c', 'sum(range(10**7))'])\n"
    "held, other = bytearray(b'x' * (64 << 20)), subprocess.Popen([sys.executable, '-c', 'input()'])\n"
    "print(other.pid, flush=True)\n"
    "other.wait()\n"
)


def test_a_family_is_counted_with_those_that_ended() -> None:
    """Processor time of a grandchild that is over, memory of one that is there; nothing of who is gone."""
    with child(["-c", BUSY]) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        assert family(process.pid) == [process.pid, other]
        assert processor_s([process.pid]) > 0.05
        assert own_bytes([process.pid]) > 64 << 20 > own_bytes([other]) > 0
        assert lives(other)
        process.communicate("\n", timeout=HANGS_S)
    assert not lives(process.pid)
    assert processor_s([process.pid]) == own_bytes([process.pid]) == 0
    assert family(process.pid) == [process.pid]
