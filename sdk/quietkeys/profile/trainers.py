"""What each trainer has acknowledged: this device, and which evaluation keys."""

from __future__ import annotations

from quietkeys.profile.database import Database

_NOT, _YES, _LEAVING = 0, 1, 2  # enrolled


class Trainers:
    """Trainers by address, in a profile database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_enrolled(self, url: str) -> bool:
        """Return whether the trainer has acknowledged this device."""
        return (
            self._database.row("SELECT 1 FROM trainers WHERE url = ? AND enrolled = ?", url, _YES) is not None
        )

    def enrolling(self, url: str) -> None:
        """Note that the trainer may know this device from now on."""
        self._database.run("INSERT OR IGNORE INTO trainers VALUES (?, ?, NULL)", url, _NOT)

    def enrolled(self, url: str) -> None:
        """Note that the trainer has acknowledged this device."""
        self._database.run("INSERT OR REPLACE INTO trainers VALUES (?, ?, NULL)", url, _YES)

    def key_id(self, url: str) -> str:
        """Return the id of the evaluation keys that the trainer has acknowledged, or ""."""
        row = self._database.row("SELECT coalesce(key_id, '') FROM trainers WHERE url = ?", url)
        return "" if row is None else str(row[0])

    def has_keys(self, url: str, key_id: str) -> None:
        """Note that the trainer has acknowledged evaluation keys."""
        self._database.run("UPDATE trainers SET key_id = ? WHERE url = ?", key_id, url)

    def lost(self, url: str, *, enrolled: bool) -> None:
        """Note that the trainer no longer has the keys, or not even the device."""
        state = _YES if enrolled else _NOT
        self._database.run("INSERT OR REPLACE INTO trainers VALUES (?, ?, NULL)", url, state)

    def unsure(self, url: str) -> None:
        """Note that the device is to be enrolled once more, since another key is trusted now."""
        self._database.run("UPDATE trainers SET enrolled = ? WHERE url = ? AND enrolled = ?", _NOT, url, _YES)

    def leave_all(self) -> None:
        """Note that this device is to be deleted wherever it may be known."""
        self._database.run("UPDATE trainers SET enrolled = ?, key_id = NULL", _LEAVING)

    def to_leave(self) -> list[str]:
        """Return the trainers at which this device is still to be deleted."""
        rows = self._database.rows("SELECT url FROM trainers WHERE enrolled = ? ORDER BY url", _LEAVING)
        return [str(row[0]) for row in rows]

    def left(self, url: str) -> None:
        """Note that the device is deleted there."""
        self._database.run("DELETE FROM trainers WHERE url = ?", url)
