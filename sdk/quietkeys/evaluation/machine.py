"""What a figure was measured on, without which none is published. Nothing names a machine or its user."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_DISTRIBUTIONS: Final = ("quietkeys", "numpy", "onnxruntime", "concrete-python", "concrete-ml")


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, cores that this process may use, memory, system, Python, versions by distribution."""

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    versions: dict[str, str]

    def tree(self) -> dict[str, object]:
        """Return the JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


def this_machine() -> Machine:
    """Return what this process runs on."""
    return Machine(
        cpu=_cpu(),
        cores=usable_cores(),
        memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={name: found for name in _DISTRIBUTIONS if (found := _version(name))},
    )


if sys.platform == "win32":
    import ctypes

    def memory_bytes() -> int:
        """Return the memory of this machine."""
        status = (ctypes.c_ulonglong * 8)(64)  # MEMORYSTATUSEX: its own size in bytes, then the total
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status[1])

else:

    def memory_bytes() -> int:
        """Return the memory of this machine."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        listing = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    model = re.search(r"^model name\s*:\s*(.+)$", listing, re.MULTILINE)
    return model.group(1).strip() if model else platform.machine()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
