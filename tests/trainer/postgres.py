"""A PostgreSQL of the tests' own: a real server on loopback, with a new database for whoever asks."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Engine

from quietkeys_bench.common.cluster import free_port
from quietkeys_bench.common.processes import children, lives
from tests.patience import HANGS_S
from tests.trainer.running import wait_until

USER: Final = "quietkeys"


@dataclass(slots=True)
class PostgresServer:
    """A server that can be killed and started again on the same data and port."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="quietkeys-postgres-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self) -> None:
        """Starts it, on new data the first time, and waits until it answers."""
        self._own_folder()
        if not (self.folder / "data").exists():
            options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
            self._run("initdb", "--pgdata", str(self.folder / "data"), *options).wait(HANGS_S)
        self.process = self._run(
            "postgres",
            *("-D", str(self.folder / "data"), "-p", str(self.port)),
            # What a power cut would lose is not what is tested.
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"),
            *("-c", "max_connections=100", "-c", "shared_buffers=16MB", "-c", "deadlock_timeout=200ms"),
        )
        deadline = time.monotonic() + HANGS_S
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def new_database(self) -> str:
        """The address of a database with nothing in it."""
        name = f"ledger{next(self.numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.address(name)

    def kill(self) -> None:
        """Ends every process of it at once, in the middle of what it does."""
        assert self.process is not None
        processes = [self.process.pid, *children(self.process.pid)]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(map(lives, processes)))

    def stop(self) -> None:
        """Ends it, and removes its data."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(HANGS_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, name: str) -> str:
        """Of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.address("postgres"), connect_timeout=900).close()
        except psycopg.OperationalError:
            return False
        return True

    def _own_folder(self) -> None:
        """PostgreSQL refuses to run as root, so root runs it as nobody."""
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [_binary(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                user="nobody" if os.geteuid() == 0 else None,
                group="nogroup" if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
                start_new_session=True,
            )


def in_words_of(database: Engine, statement: str) -> str:
    """A statement with SQLite's words for bytes, in those of this database."""
    if database.dialect.name == "sqlite":
        return statement
    statement = re.sub(r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')", statement)
    return re.sub(r"x'([0-9a-f]*)'", r"'\\x\1'::bytea", statement)


def _binary(name: str) -> str:
    """Where Debian puts it, or where the search path finds it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    assert found, "PostgreSQL is not installed: see tools/install.sh"
    return found
