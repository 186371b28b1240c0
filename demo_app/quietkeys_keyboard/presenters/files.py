"""Choosing a file: the folder that is shown, what is in it, and what was chosen. Without Kivy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SHOWN: Final = 200  # entries of a folder
_UNREADABLE: Final = "This folder cannot be read."


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder, or a file."""

    name: str
    is_folder: bool


@dataclass(slots=True)
class FilesPresenter:
    """changed: called after anything has changed. saving: a file to write, else one to read."""

    folder: Path
    saving: bool
    changed: Callable[[], None]
    name: str = ""
    problem: str = ""
    _asked: Path | None = field(default=None, init=False)  # whether to replace it
    _entries: list[Entry] | None = field(default=None, init=False)  # None where the folder cannot be read

    def __post_init__(self) -> None:
        self._read()

    def entries(self) -> list[Entry]:
        """Return what is in the folder, folders first, nothing hidden; files only where one is to be read."""
        return self._entries or []

    def title(self) -> str:
        """Return the folder in words: from the user's home where it lies there."""
        home = Path.home()
        if self.folder.is_relative_to(home):
            return " / ".join(("Home", *self.folder.relative_to(home).parts))
        return str(self.folder)

    def hint(self) -> str:
        """Return what to say in the place of entries where there are none, "" where there are."""
        if self.problem or self._entries:
            return ""
        return "No folders in here. The file is written here." if self.saving else "No files in here."

    def up(self) -> None:
        """Show the folder that this one is in."""
        self._show(self.folder.parent)

    def open(self, entry: Entry) -> None:
        """Show a folder, or choose a file."""
        if entry.is_folder:
            self._show(self.folder / entry.name)
        else:
            self.name = entry.name
            self.changed()

    def chosen(self) -> Path | None:
        """Return the file; None, with the reason in `problem`, where there is none of that name to be had."""
        name = self.name.strip()
        path = self.folder / name
        self.problem = ""
        if self._entries is None:
            self.problem = _UNREADABLE
        elif not name or Path(name).name != name:
            self.problem = "Enter the name of a file."
        elif self.saving and path.is_dir():
            self.problem = "This is a folder. Enter another name."
        elif self.saving and path.exists() and self._asked != path:
            self.problem = "A file of this name is there. Press again to replace it, or enter another name."
        elif self.saving and not os.access(self.folder, os.W_OK):
            self.problem = "Nothing can be written to this folder. Choose another one."
        elif not self.saving and not path.is_file():
            self.problem = "There is no such file here."
        self._asked = path if self.saving and path.exists() else None
        self.changed()
        return None if self.problem else path

    def _show(self, folder: Path) -> None:
        self.folder = folder
        if not self.saving:
            self.name = ""
        self._read()
        self.changed()

    def _read(self) -> None:
        try:
            found = [Entry(entry.name, entry.is_dir()) for entry in os.scandir(self.folder)]
        except OSError:
            self._entries, self.problem = None, _UNREADABLE
            return
        kept = [one for one in found if not one.name.startswith(".") and (one.is_folder or not self.saving)]
        kept.sort(key=lambda one: (not one.is_folder, one.name.casefold()))
        self._entries, self.problem = kept[:SHOWN], ""
