"""Where a trainer of the tests keeps its ledger and its blobs: in its folder, or on servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.trainer.bucket import Bucket
from tests.trainer.postgres import PostgresServer

# Marks a test whose trainer, from the fixture `storage`, keeps things in a folder once and on servers once.
on_both: Final = pytest.mark.parametrize("storage", ["folder", "services"], indirect=True)


@dataclass(frozen=True, slots=True)
class Storage:
    """Addresses for `--database` and `--blobs`, what belongs in the environment, and what is stored."""

    database: str
    blobs: str
    environment: Mapping[str, str]
    names: Callable[[], list[str]]

    def variables(self) -> dict[str, str]:
        """The environment of a trainer that uses it."""
        addresses = {"QUIETKEYS_DATABASE": self.database, "QUIETKEYS_BLOBS": self.blobs}
        return {**self.environment, **{name: value for name, value in addresses.items() if value}}


@dataclass(slots=True)
class Services:
    """PostgreSQL and S3."""

    postgres: PostgresServer = field(default_factory=PostgresServer)
    bucket: Bucket = field(default_factory=Bucket)

    def new_storage(self) -> Storage:
        """An empty database and an empty store."""
        blobs = self.bucket.new_store()
        return Storage(
            self.postgres.new_database(),
            blobs,
            self.bucket.environment(),
            lambda: _blobs(self.bucket.names(blobs)),
        )


def in_folder(state: Path) -> Storage:
    """A trainer's own folder."""
    return Storage("", "", {}, lambda: _blobs(path.name for path in (state / "blobs").iterdir()))


def _blobs(names: Iterable[str]) -> list[str]:
    """The names of blobs, finished or not, in order; not those by which the store is known."""
    return sorted(name for name in names if not name.startswith("quietkeys-"))
