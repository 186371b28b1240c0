"""What the user has chosen for the input method; all else, such as the level, is in the profile."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from quietkeys.files import write_whole


@dataclass(frozen=True, slots=True)
class Preferences:
    """strip: show suggestions. tab: Tab takes one. mark: say for a moment what was put right.

    trainer: its address, "" for none. syncs: sync by itself, once the user has agreed. told: the user was
    told that it does.
    """

    strip: bool = True
    tab: bool = True
    mark: bool = True
    trainer: str = ""
    syncs: bool = True
    told: bool = False

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what a file says, as far as it says anything that can be used."""
        try:
            found: Any = json.loads(path.read_text())
        except (OSError, ValueError):
            return cls()
        if not isinstance(found, dict):
            return cls()
        kinds = {one.name: type(one.default) for one in fields(cls)}
        usable: dict[str, Any] = {name: kept for name, kept in found.items() if type(kept) is kinds.get(name)}
        return cls(**usable)

    def save(self, path: Path) -> None:
        """Write them to a file. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(asdict(self), indent=1).encode())


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "quietkeys"


def preferences_file() -> Path:
    """Return where they are kept."""
    return _folder("XDG_CONFIG_HOME", ".config") / "ibus.json"


def profile_folder() -> Path:
    """Return where the profile of the desktop is kept."""
    return _folder("XDG_DATA_HOME", ".local/share") / "profile"
