"""The encryption process without encryption: its pipe, its files, its end, its refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.cipher.limits import MEMORY_BYTES
from quietkeys.cipher.pipe import Broken, Message, Verb, exchange, read_message, write_message
from quietkeys.cipher.scheme import messages
from quietkeys.files import write_pieces
from quietkeys_bench.common.processes import lives
from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain, Untrusted
from quietkeys_protocol.plan import Plan
from tests.patience import HANGS_S
from tests.trainer.running import wait_until

VECTORS: Final = Path(__file__).parents[1] / "vectors"
PARAMETERS: Final = Parameters.of(
    Plan.parse((VECTORS / "small_plan.json").read_bytes()),
    (VECTORS / "small_specification.json").read_bytes(),
)


def zeros() -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A report of nothing."""
    return [np.zeros(field.size, dtype=np.int64) for field in PARAMETERS.plan.report_fields]


def executable(folder: Path, script: str) -> str:
    """A stand-in for the Python that runs the process."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@contextmanager
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """Two ends, unbuffered: to read from, to write to."""
    reading, writing = os.pipe()
    with FileIO(reading, "rb") as here, FileIO(writing, "wb") as there:
        yield here, there


@given(st.sampled_from(Verb), st.lists(st.binary(max_size=300), max_size=6))
def test_messages_arrive_as_they_were_sent(verb: Verb, parts: list[bytes]) -> None:
    """Verb and parts come back, and nothing is left in the pipe."""
    with pipe() as (reading, writing):
        write_message(writing, Message(verb, tuple(parts)))
        writing.close()
        assert read_message(reading) == Message(verb, tuple(parts))
        assert reading.read(1) == b""


@given(st.binary(max_size=60))
def test_garbage_in_the_pipe_is_broken(content: bytes) -> None:
    """Whatever arrives is a message or `Broken`; no length makes the reader wait or allocate."""
    with pipe() as (reading, writing):
        writing.write(content)
        writing.close()
        with suppress(Broken):
            read_message(reading)


def test_neither_a_full_pipe_nor_silence_holds_the_host() -> None:
    """A request that nobody reads, and one that nobody answers, end in time or when told to."""
    for size in (10, 1 << 20):
        with pipe() as (_, to), pipe() as (back, _there):
            begin = time.monotonic()
            with pytest.raises(Broken):
                exchange(to, back, Message(Verb.ENCRYPT, (bytes(size),)), 0.2, threading.Event())
            assert time.monotonic() - begin >= 0.2
            told = threading.Event()
            told.set()
            with pytest.raises(Broken):
                exchange(to, back, Message(Verb.ENCRYPT, (bytes(size),)), HANGS_S, told)


def test_a_silent_process_is_given_up(tmp_path: Path) -> None:
    """A process that hangs is ended after the time limit; the error invites to try again."""
    python = executable(tmp_path, "exec sleep 60")
    with ProcessCipher(tmp_path, PARAMETERS, python=python, seconds=0.3) as cipher:
        with pytest.raises(TryAgain) as failed:
            cipher.generate_keys()
        assert failed.value.code is ErrorCode.CIPHER_FAILED


def test_a_process_can_be_told_to_stop(tmp_path: Path) -> None:
    """What is asked of it ends at once with a typed error, and so does the process."""
    stop, pid_file = threading.Event(), tmp_path / "pid"
    python = executable(
        tmp_path, f"echo $$ > {pid_file}.draft; mv {pid_file}.draft {pid_file}; exec sleep 60"
    )
    cipher = ProcessCipher(tmp_path, PARAMETERS, python=python, stop=stop)

    def stop_it() -> None:
        wait_until(pid_file.exists)
        stop.set()

    thread = threading.Thread(target=stop_it)
    thread.start()
    with pytest.raises(TryAgain) as failed:
        cipher.generate_keys()
    thread.join()
    assert failed.value.code is ErrorCode.CIPHER_FAILED
    assert not lives(int(pid_file.read_text()))


def test_processor_time_is_limited_for_each_request() -> None:
    """A request that computes for ever is ended by the kernel; earlier ones do not count."""
    program = """
import resource, time
from quietkeys.cipher.limits import allow_processor_time
for _ in range(3):
    allow_processor_time(2)
    begin = time.process_time()
    while time.process_time() < begin + 0.8:
        pass
print("three requests", flush=True)
allow_processor_time(1)
while True:
    pass
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout == "three requests\n"
    assert result.returncode == -signal.SIGXCPU


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense; sleep 1", "kill -9 $$", "yes | head -c 100000"])
def test_a_process_that_dies_or_babbles_is_a_typed_error(tmp_path: Path, script: str) -> None:
    """No end of the process is an exception of its own, or leaves it running."""
    cipher = ProcessCipher(tmp_path, PARAMETERS, python=executable(tmp_path, script), seconds=5)
    for _ in range(2):
        with pytest.raises(TryAgain) as failed:
            cipher.generate_keys()
        assert failed.value.code is ErrorCode.CIPHER_FAILED


def test_a_missing_interpreter_is_a_typed_error(tmp_path: Path) -> None:
    """The process cannot even start."""
    with pytest.raises(TryAgain):
        ProcessCipher(tmp_path, PARAMETERS, python=str(tmp_path / "none")).generate_keys()


def test_without_a_key_nothing_is_encrypted(tmp_path: Path) -> None:
    """The real process, asked too early, says what is missing."""
    with ProcessCipher(tmp_path, PARAMETERS) as cipher:
        assert not cipher.has_keys()
        with pytest.raises(StartOver) as refused:
            cipher.encrypt(zeros())
        assert refused.value.code is ErrorCode.KEY_UNKNOWN
        assert repr(cipher) == "ProcessCipher(...)"


def test_the_process_is_nice_small_and_leaves_no_core(tmp_path: Path) -> None:
    """Ten nicer than its host, one thread, bounded memory and time, no core files; it ends with its pipe."""
    with ProcessCipher(tmp_path, PARAMETERS) as cipher:
        with pytest.raises(StartOver):
            cipher.encrypt(zeros())
        child = cipher._child
        assert child is not None
        folder = Path("/proc") / str(child.pid)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        limits = (folder / "limits").read_text()
        assert next(line for line in limits.splitlines() if "core" in line).split()[4:6] == ["0", "0"]
        assert next(line for line in limits.splitlines() if "address" in line).split()[3] == str(MEMORY_BYTES)
        assert next(line for line in limits.splitlines() if "cpu" in line).split()[3] != "unlimited"
        environment = dict(
            line.split("=", 1) for line in (folder / "environ").read_text().split("\0") if line
        )
        assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(900) == 0
        child.stdin = None


def test_private_files_are_whole_or_absent(tmp_path: Path) -> None:
    """Mode 0600 from the first byte; a failure half-way leaves the old content and no draft."""
    path = tmp_path / "file"
    (tmp_path / ".draft-file-0123456789abcdef").write_bytes(b"left by a kill")
    other = tmp_path / ".draft-file-two-0123456789abcdef"  # of a file that another process may be writing
    other.write_bytes(b"under way")
    write_pieces(path, [b"old"])
    assert other.exists()
    other.unlink()
    assert path.stat().st_mode & 0o777 == 0o600

    def broken() -> object:
        yield b"new"
        raise OSError(28, "no space")

    with pytest.raises(TryAgain) as failed:
        write_pieces(path, broken())  # type: ignore[arg-type]
    assert failed.value.code is ErrorCode.DISK_FULL
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(TryAgain):
        write_pieces(tmp_path / "none" / "file", [b"x"])


def test_a_key_folder_that_cannot_be_made_is_typed(tmp_path: Path) -> None:
    """Where a file stands in the way, or the disk is full, the error says so and invites to try again."""
    (tmp_path / "keys").write_bytes(b"")
    with ProcessCipher(tmp_path / "keys", PARAMETERS) as cipher, pytest.raises(TryAgain) as failed:
        cipher.generate_keys()
    assert failed.value.code is ErrorCode.STORAGE_FAILED


def test_evaluation_keys_that_are_not_there_are_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was written and is gone when it is compared is no traceback."""
    monkeypatch.setattr(ProcessCipher, "_ask", lambda *_: (b"0" * 64,))
    with pytest.raises(TryAgain) as failed:
        ProcessCipher(tmp_path, PARAMETERS).write_evaluation_keys(tmp_path / "none")
    assert failed.value.code is ErrorCode.STORAGE_FAILED


@pytest.mark.parametrize("p_error", [2.0**-39, 0.01])
def test_a_plan_that_fails_too_often_is_not_encrypted_for(p_error: float) -> None:
    """The client specification does not say the error probability, so the device reads it in the plan."""
    assert PARAMETERS.plan.p_error <= 2.0**-40
    plan = replace(PARAMETERS.plan, p_error=p_error)
    with pytest.raises(Untrusted) as refused:
        Parameters.of(plan, PARAMETERS.specification.canonical)
    assert refused.value.code is ErrorCode.SPECIFICATION_UNTRUSTED


@given(st.lists(st.integers(-4096, 4095), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_decryption_is_the_inverse_of_encryption(numbers: list[int], seed: int) -> None:
    """LWE written from its definition, with noise below half a unit, decrypts to what went in."""
    bits, dimension, draw = 13, 50, np.random.default_rng(seed)
    secret = draw.integers(0, 2, dimension).astype(np.uint64)
    masks = draw.integers(0, 2**64, (len(numbers), dimension), dtype=np.uint64)
    unit = 1 << (63 - bits)
    bodies = []
    for mask, number in zip(masks.tolist(), numbers, strict=True):
        noise = int(draw.integers(-unit // 2 + 1, unit // 2))
        inner = sum(a * int(s) for a, s in zip(mask, secret, strict=True))
        bodies.append((inner + number * unit + noise) % 2**64)
    words = np.concatenate([masks, np.array(bodies, dtype=np.uint64)[:, None]], axis=1)
    assert messages(words.ravel(), secret, bits).tolist() == numbers


def test_closing_twice_and_from_another_thread_is_safe(tmp_path: Path) -> None:
    """An application may shut down in any order."""
    cipher = ProcessCipher(tmp_path, PARAMETERS, python=sys.executable)
    thread = threading.Thread(target=cipher.close)
    thread.start()
    thread.join()
    cipher.close()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_process_cannot_be_read_by_others_of_its_user() -> None:
    """It is not dumpable: no core, and neither ptrace nor /proc shows its memory to the user's processes."""
    is_dumpable = "ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)"  # PR_GET_DUMPABLE
    code = (
        f"import ctypes, sys\nfrom quietkeys.cipher import process\nprocess.main()\nsys.exit({is_dumpable})"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, timeout=900, check=False)
    assert done.returncode == 0
