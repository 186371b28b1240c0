"""What the app itself remembers: its look, whether it has introduced itself, the port of its own trainer."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

FILE: Final = "app.json"


@dataclass(slots=True)
class Settings:
    """dark: the look. introduced: the first start is over. port: 0 for none yet.

    restored: the profile is that of a backup, and so is what it has on record until then.
    """

    dark: bool = False
    introduced: bool = False
    port: int = 0
    restored: bool = False

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """Return what is stored in a folder; what cannot be read is as if it were not there."""
        try:
            stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
            found = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
            if not all(type(found[name]) is type(getattr(cls(), name)) for name in found):
                return cls()
            return cls(**found)
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def save(self, folder: Path) -> None:
        """Store it; the app goes on where that fails."""
        draft = folder / f".{FILE}"
        try:
            draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
            draft.replace(folder / FILE)
        except OSError:
            draft.unlink(missing_ok=True)


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
