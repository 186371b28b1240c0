"""Where circuits that were compiled outside a trainer's state folder are kept: per user, once for all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused

CIRCUITS: Final = "QUIETKEYS_TRAINER_CIRCUITS"  # the variable that names another folder than the usual


def circuits_folder() -> Path:
    """Make the folder of compiled circuits, if need be; return it.

    Circuits are code, so `Refused` is raised where anybody else can write to it.
    """
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(CIRCUITS) or cache_home / "quietkeys-trainer" / "circuits")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise Refused(ErrorCode.PLAN_INVALID, "others can write to the folder of circuits")
    return folder
