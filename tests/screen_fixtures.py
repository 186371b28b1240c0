"""A screen in memory, for tests of programs with a window."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def screen_in_memory() -> Iterator[str]:
    """A screen in memory; what DISPLAY is to be."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as stream:
            number = stream.readline().strip()
        assert number, "Xvfb did not start"
        time.sleep(0.1)
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
