"""`python -m tests.trainer.fake_trainer`: the trainer's command line over the fake engine, with short leases.

`QUIETKEYS_TEST_LARGEST_FILE` limits the size of any file that the process may write, as a full disk would,
`QUIETKEYS_TEST_OPEN_FILES` how many it may have open;
`QUIETKEYS_TEST_LATER` is how many seconds a worker leaves a job alone whose result found no place,
`QUIETKEYS_TEST_STORE_TIMEOUT` how many seconds an object store has for an answer,
`QUIETKEYS_TEST_CLOCK_AHEAD` by how many seconds the clock of this process is ahead. With
`QUIETKEYS_TEST_AS_OTHERS` files that root could write all the same cannot be written.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import time
from datetime import timedelta

from quietkeys_trainer.cli.main import make_cli
from quietkeys_trainer.processes import worker
from quietkeys_trainer.storage import blobs
from tests.trainer.fake_engine import load_fake

LEASE = "2"


def respect_permissions() -> None:
    """Gives up what lets root past the permissions of files, capabilities(7)."""
    libc, bounds = ctypes.CDLL(None, use_errno=True), 1 << 1 | 1 << 2
    header, sets = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    assert libc.capget(header, sets) == 0
    held = struct.unpack("=6I", sets.raw)
    assert libc.capset(header, struct.pack("=6I", *(one & ~bounds for one in held[:3]), *held[3:])) == 0


def obey() -> None:
    """Does as the variables say, before the command line runs."""
    limit = int(os.environ.get("QUIETKEYS_TEST_LARGEST_FILE", "0"))
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    files = int(os.environ.get("QUIETKEYS_TEST_OPEN_FILES", "0"))
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if os.environ.get("QUIETKEYS_TEST_AS_OTHERS"):
        respect_permissions()
    timeout_s = os.environ.get("QUIETKEYS_TEST_STORE_TIMEOUT")
    if timeout_s is not None:
        vars(blobs)["_CLIENT"] = {"timeout": timedelta(seconds=float(timeout_s))}
    vars(worker)["LATER_S"] = float(os.environ.get("QUIETKEYS_TEST_LATER", worker.LATER_S))
    os.environ.setdefault("QUIETKEYS_LEASE_SECONDS", LEASE)
    ahead_s = float(os.environ.get("QUIETKEYS_TEST_CLOCK_AHEAD", "0"))
    if ahead_s:
        vars(time)["time"] = lambda right=time.time: right() + ahead_s


if __name__ == "__main__":
    obey()
    make_cli(load_fake, "tests.trainer.fake_trainer")()
