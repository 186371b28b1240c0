"""The file by which IBus finds the engine, written and removed again for one user.

IBus reads component files of the system and of the folders in IBUS_COMPONENT_PATH, and none of a user's own.
So an install without a package puts one file into the user's data folder, and the path to it into the
environment of the user's session (`environment.d`), beside the folder of the system, which it would replace.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

NAME: Final = "quietkeys"
SYSTEM: Final = Path("/usr/share/ibus/component")
_FILE: Final = "quietkeys.xml"
_TEMPLATE: Final = """<?xml version="1.0" encoding="utf-8"?>
<component>
    <name>org.quietkeys.IBus</name>
    <description>quietkeys: corrects, completes and learns, on this device</description>
    <exec>{command}</exec>
    <version>{version}</version>
    <author>quietkeys contributors</author>
    <license>Apache-2.0</license>
    <homepage></homepage>
    <textdomain>quietkeys</textdomain>
    <engines>
        <engine>
            <name>quietkeys</name>
            <language>en</language>
            <license>Apache-2.0</license>
            <author>quietkeys contributors</author>
            <icon>input-keyboard</icon>
            <layout>default</layout>
            <longname>quietkeys</longname>
            <description>corrects, completes and learns, on this device</description>
            <rank>0</rank>
            <symbol>qk</symbol>
        </engine>
    </engines>
</component>
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the two files of a user's install go."""

    component: Path
    environment: Path

    @classmethod
    def of_user(cls) -> Places:
        """Return the places of whoever runs this."""
        home = Path.home()
        share = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        return cls(share / "ibus/component" / _FILE, config / "environment.d/60-quietkeys-ibus.conf")


def component(command: list[str]) -> str:
    """Return the text of a component file. command: starts the engine."""
    return _TEMPLATE.format(command=escape(shlex.join(command)), version=escape(version("quietkeys")))


def install(places: Places, command: list[str]) -> None:
    """Write both files. Raises OSError."""
    folder = places.component.parent
    folder.mkdir(parents=True, exist_ok=True)
    places.component.write_text(component(command))
    places.environment.parent.mkdir(parents=True, exist_ok=True)
    places.environment.write_text(f"IBUS_COMPONENT_PATH={SYSTEM}:{folder}\n")


def uninstall(places: Places) -> bool:
    """Remove both files; return whether there was one. Raises OSError."""
    there = [path for path in (places.component, places.environment) if path.exists()]
    for path in there:
        path.unlink()
    return bool(there)
