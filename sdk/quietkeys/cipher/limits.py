"""How a process gives way to its host and leaves nothing behind, in the words of each system.

POSIX has limits that the kernel keeps. On Windows the host gives it a low priority; what else bounds it there
is that it works in pieces and ends with its pipe.
"""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from typing import Final

MEMORY_BYTES: Final = 1 << 30  # of address space; 90 MB of it are ever used
NICENESS: Final = 10

if sys.platform == "win32":
    import subprocess

    CREATION_FLAGS: Final = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW

    def give_way() -> None:
        """Nothing: the priority is given from outside, see CREATION_FLAGS."""

    def allow_processor_time(seconds: int) -> None:
        """Nothing: there is no such limit for a process alone."""

else:
    import ctypes
    import os
    import resource

    _PR_SET_DUMPABLE: Final = 4  # prctl(2)

    CREATION_FLAGS: Final = 0

    def give_way() -> None:
        """Run at low priority, in bounded memory, and where others cannot read it: nor a core file."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":  # nor may other processes of the user read its memory
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        with suppress(ValueError, OSError):  # macOS keeps no limit on address space
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        os.nice(NICENESS)

    def allow_processor_time(seconds: int) -> None:
        """Let the kernel end this process when it has used so much more processor time."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        used_s = math.ceil(usage.ru_utime + usage.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + seconds, hard))


def has_processes() -> bool:
    """Return whether this system lets an app start a Python process: phones and browsers do not."""
    return bool(sys.executable) and sys.platform not in {"android", "emscripten", "ios", "wasi"}
