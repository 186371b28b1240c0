"""Whether this machine has the randomness that keys are made of.

Concrete draws seeds from the RDSEED instruction or from the operating system, and ignores it when both fail.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused

PROCESSORS: Final = Path("/proc/cpuinfo")
DEVICE: Final = Path("/dev/random")


def require_randomness(processors: Path = PROCESSORS, device: Path = DEVICE) -> None:
    """Raise `Refused` (WORKER_UNSUITABLE) where there is neither RDSEED nor a readable random device."""
    if not _has_instruction(processors) and not _is_readable(device):
        raise Refused(ErrorCode.WORKER_UNSUITABLE, "no source of randomness")


def _has_instruction(processors: Path) -> bool:
    try:
        lines = processors.read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and "rdseed" in line.split() for line in lines)


def _is_readable(device: Path) -> bool:
    try:
        with device.open("rb", buffering=0) as file:
            return len(file.read(16)) == 16
    except OSError:
        return False
