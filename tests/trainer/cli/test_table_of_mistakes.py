"""The table in docs/MISTAKES.md, line by line: nothing is lost, and the next step is named."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.house.conftest import ROOT
from tests.patience import HANGS_S
from tests.trainer.fake_engine import CONTROL, PLAN
from tests.trainer.filled import AHEAD, Filled, works
from tests.trainer.running import Trainer
from tests.trainer.stores import Services, in_folder

DAY: Final = 86_400
ROWS: Final = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in (ROOT / "docs" / "MISTAKES.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| mistake")
]


@dataclass(slots=True)
class Scene:
    """A trainer that two devices have used, stopped, and what else an administrator has at hand."""

    filled: Filled
    services: Services
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    @property
    def on_servers(self) -> bool:
        """Whether it keeps things in PostgreSQL and S3."""
        return bool(self.filled.storage.blobs)

    def new(self, name: str = "thing") -> Path:
        """A path where nothing is."""
        return self.folder / f"{name}{next(self.numbers)}"

    def no_database(self) -> dict[str, str]:
        """The address of a database that is not there, or that nobody has used."""
        if self.on_servers:
            return {"QUIETKEYS_DATABASE": self.services.postgres.new_database()}
        return {"QUIETKEYS_DATABASE": f"sqlite:///{self.new('typo')}"}

    def empty_store(self) -> dict[str, str]:
        """The address of a store that nobody has used."""
        if self.on_servers:
            return {"QUIETKEYS_BLOBS": self.services.bucket.new_store()}
        (folder := self.new("empty")).mkdir()
        return {"QUIETKEYS_BLOBS": str(folder)}

    def no_store(self) -> dict[str, str]:
        """The address of one that is not there."""
        return {"QUIETKEYS_BLOBS": "s3://no-such-bucket/x" if self.on_servers else str(self.new("gone"))}

    def their_store(self) -> dict[str, str]:
        """The address of another trainer's."""
        found = self.empty_store()
        if self.on_servers:
            self.services.bucket.put(found["QUIETKEYS_BLOBS"], "quietkeys-store", b"1" * 32)
        else:
            (Path(found["QUIETKEYS_BLOBS"]) / "quietkeys-store").write_text("1" * 32)
        return found

    def refused(self, *arguments: str, **environment: str) -> str:
        """What a command says that is refused."""
        return self.filled.refusal(*arguments, **environment)

    def serve(self, *arguments: str, **environment: str) -> str:
        """What `serve` says that is refused."""
        return self.refused("serve", "--port", "0", "--private-port", "0", *arguments, **environment)

    def misused(self, *arguments: str) -> str:
        """What a command says whose arguments are refused before it begins."""
        done = self.filled.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        return " ".join(done.stderr.replace("│", " ").split())

    def backup(self) -> Path:
        """A good one."""
        path = self.new("backup")
        self.filled.said("admin", "backup", str(path))
        return path

    @contextmanager
    def key(self, content: bytes | None) -> Iterator[None]:
        """Has another file, or none, in the place of `trainer.key` for the block."""
        place, aside = self.filled.state / "trainer.key", self.new("key")
        place.rename(aside)
        if content is not None:
            place.write_bytes(content)
        try:
            yield
            assert place.exists() is (content is not None)
        finally:
            aside.replace(place)

    def file(self, text: str, mode: int = 0o600) -> Path:
        """A file with this in it."""
        path = self.new("file")
        path.write_text(text)
        path.chmod(mode)
        return path


def another_programs_database(scene: Scene) -> dict[str, str]:
    """One with a table that is not ours."""
    found = scene.no_database()
    address = found["QUIETKEYS_DATABASE"]
    if scene.on_servers:
        with psycopg.connect(address) as theirs:
            theirs.execute("CREATE TABLE orders (number int)")
    else:
        with sqlite3.connect(address.removeprefix("sqlite:///")) as ours:
            ours.execute("CREATE TABLE orders (number int)")
    return found


def a_letter(scene: Scene) -> str:
    """As a database."""
    path = scene.file("Dear Ann,")
    said = scene.serve(QUIETKEYS_DATABASE=f"sqlite:///{path}")
    assert scene.refused("admin", "devices", QUIETKEYS_DATABASE=f"sqlite:///{path}") == said
    assert path.read_text() == "Dear Ann,"
    return said


def a_database_that_is_down(scene: Scene) -> str:
    """With a password."""
    said = scene.refused("admin", "devices", QUIETKEYS_DATABASE="postgresql://u:open-sesame@127.0.0.1:1/x")
    assert "open-sesame" not in said
    return said


def a_backup_that_must_not_be(scene: Scene, **environment: str) -> str:
    """Asked for, and not written."""
    path = scene.new("backup")
    said = scene.refused("admin", "backup", str(path), **environment)
    assert not path.exists()
    return said


def with_key(scene: Scene, content: bytes | None, do: Callable[[], str]) -> str:
    """While another key lies there, or none."""
    with scene.key(content):
        return do()


def a_worker_alone(scene: Scene) -> str:
    """Of a mistyped database."""
    filled, environment = scene.filled, scene.no_database()
    line = [*filled.trainer.command("worker"), "--state", str(scene.new("state"))]
    told = os.environ | {CONTROL: str(filled.trainer.control)} | filled.trainer.environment | environment
    done = subprocess.run(line, env=told, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr


def an_existing_file(scene: Scene) -> str:
    """In the place of a backup."""
    path = scene.file("mine")
    said = scene.misused("admin", "backup", str(path))
    assert path.read_text() == "mine"
    return said


def half_a_backup(scene: Scene) -> str:
    """Restored into a new place."""
    whole = scene.backup().read_bytes()
    half = scene.new("half")
    half.write_bytes(whole[: len(whole) // 2])
    return restore_elsewhere(scene, half)


def restore_elsewhere(scene: Scene, backup: Path, **environment: str) -> str:
    """Into a new state folder, an empty database, an empty store, unless the environment says otherwise."""
    state = scene.new("state")
    clean = {"QUIETKEYS_DATABASE": "", "QUIETKEYS_BLOBS": ""}
    if scene.on_servers:
        clean = scene.no_database() | scene.empty_store()
    other = Filled(state, in_folder(state / "state"), Trainer(state, dict(scene.filled.trainer.environment)))
    state.mkdir()
    return other.refusal("admin", "restore", str(backup), **clean | environment)


def beside_the_store_in_use(scene: Scene) -> str:
    """A restore whose database is new, and whose store is not."""
    blobs = scene.filled.storage.blobs or str(scene.filled.state / "blobs")
    environment = scene.no_database() | {"QUIETKEYS_BLOBS": blobs}
    said = restore_elsewhere(scene, scene.backup(), **environment)
    assert "no trainer" in scene.refused("admin", "devices", **environment)
    return said


def where_a_key_lies(scene: Scene) -> str:
    """A restore into a folder with another trainer's key."""
    folder = scene.new("theirs")
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "trainer.key").write_bytes(bytes(32))
    clean = {"QUIETKEYS_DATABASE": "", "QUIETKEYS_BLOBS": ""}
    if scene.on_servers:
        clean = scene.no_database() | scene.empty_store()
    trainer = Trainer(folder, dict(scene.filled.trainer.environment))
    other = Filled(folder, in_folder(folder / "state"), trainer)
    said = other.refusal("admin", "restore", str(scene.backup()), **clean)
    assert (folder / "state" / "trainer.key").read_bytes() == bytes(32)
    return said


def a_second_token(scene: Scene) -> str:
    """After the first."""
    if not (scene.filled.state / "operator.token").exists():
        scene.filled.said("admin", "token")
    return scene.refused("admin", "token")


def a_port_that_is_taken(scene: Scene) -> str:
    """By somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return scene.refused("serve", "--port", str(taken.getsockname()[1]), "--private-port", "0")


def a_plan(scene: Scene, pin: str, *arguments: str) -> str:
    """Served under another pin, or none."""
    path = scene.new("plan.json")
    path.write_bytes(PLAN.canonical)
    pins = ["--client-spec-sha256", pin] if pin else []
    kept, scene.filled.trainer.pin = scene.filled.trainer.pin, pin
    try:
        return scene.serve(*arguments)
    finally:
        scene.filled.trainer.pin = kept
        assert pins or not pin


def circuits_of_everybody(scene: Scene) -> str:
    """Code that anybody can change."""
    circuits = scene.filled.state / "circuits"
    mode = circuits.stat().st_mode
    circuits.chmod(0o777)
    try:
        return scene.serve()
    finally:
        circuits.chmod(mode)


def purge(scene: Scene, *arguments: str, **environment: str) -> str:
    """Of the first device."""
    return scene.refused("admin", "purge", scene.filled.devices[0].device_id, *arguments, **environment)


DONE: Final[dict[str, Callable[[Scene], str]]] = {
    "The database's address is mistyped, and devices are asked for": lambda s: s.refused(
        "admin", "devices", **s.no_database()
    ),
    "The same, and a backup is made": lambda s: a_backup_that_must_not_be(s, **s.no_database()),
    "The same, and a worker is started": a_worker_alone,
    "The database is another program's": lambda s: s.refused(
        "admin", "devices", **another_programs_database(s)
    ),
    "The database is MySQL": lambda s: s.serve(QUIETKEYS_DATABASE="mysql://u@h/x"),
    "The database is a letter": a_letter,
    "The database is down": a_database_that_is_down,
    "Tidying an empty store": lambda s: s.refused("admin", "tidy", "--confirm", **s.empty_store()),
    "Tidying a store that is not there": lambda s: s.refused("admin", "tidy", "--confirm", **s.no_store()),
    "Deleting a device while another trainer's store is named": lambda s: purge(
        s, "--confirm", **s.their_store()
    ),
    "A backup with an empty store": lambda s: a_backup_that_must_not_be(s, **s.empty_store()),
    "The store is one that is not spoken here": lambda s: s.serve(QUIETKEYS_BLOBS="gs://bucket/x"),
    "A backup without `trainer.key`": lambda s: with_key(s, None, lambda: a_backup_that_must_not_be(s)),
    "A backup with another trainer's key": lambda s: with_key(
        s, bytes(range(32)), lambda: a_backup_that_must_not_be(s)
    ),
    "A backup over a file that is there": an_existing_file,
    "A backup into a folder that is not there": lambda s: s.refused("admin", "backup", str(s.new() / "b")),
    "A restore of something else": lambda s: restore_elsewhere(s, s.file("something else")),
    "A restore of half a backup": half_a_backup,
    "A restore of a file that is not there": lambda s: restore_elsewhere(s, s.new()),
    "A restore into the trainer in use": lambda s: s.refused("admin", "restore", str(s.backup())),
    "A restore into a new database beside the store in use": beside_the_store_in_use,
    "A restore where another trainer's key lies": where_a_key_lies,
    "Deleting a device of a mistyped id": lambda s: s.refused("admin", "purge", "0" * 32, "--confirm"),
    "Deleting a device that was meant to be looked at": purge,
    "Another try for a job of a mistyped id": lambda s: s.refused("admin", "retry", secrets.token_hex(16)),
    "Dropping the schema": lambda s: s.refused("admin", "migrate", "base"),
    "A revision that is none": lambda s: s.refused("admin", "migrate", "r9999"),
    "A second token for operators": a_second_token,
    "An invite for very many devices": lambda s: s.misused("admin", "invite", "--uses", "9" * 30),
    "A settings file that is not there": lambda s: s.refused("admin", "devices", "--config", str(s.new())),
    "A setting misspelt": lambda s: s.serve("--config", str(s.file("keep_key_days = 90\n"))),
    "A password in a file that everybody reads": lambda s: s.serve(
        "--config", str(s.file('database = "postgresql://u:open-sesame@127.0.0.1:1/x"\n', 0o644))
    ),
    "A negative number of days": lambda s: s.refused("admin", "tidy", "--keep-keys-days", "-1"),
    "The clock is 401 days ahead, and it is tidied": lambda s: s.refused(
        "admin", "tidy", **{AHEAD: str(401 * DAY)}
    ),
    "The clock is 401 days behind, and it is tidied": lambda s: s.refused(
        "admin", "tidy", **{AHEAD: str(-401 * DAY)}
    ),
    "Serving a new database beside the store in use": lambda s: s.serve(**s.no_database()),
    "Serving with an empty store": lambda s: s.serve(**s.empty_store()),
    "Serving without `trainer.key`": lambda s: with_key(s, None, s.serve),
    "Serving on a port that is taken": a_port_that_is_taken,
    "Serving other machines without TLS": lambda s: s.serve("--host", "0.0.0.0"),  # noqa: S104 - what must not be
    "A certificate without its key": lambda s: s.serve("--tls-certificate", str(s.file("x"))),
    "A certificate that is none": lambda s: s.serve(
        "--tls-certificate", str(s.file("x")), "--tls-key", str(s.file("x"))
    ),
    "A plan without the hash that devices have": lambda s: a_plan(s, ""),
    "A plan that compiles to something else than devices have": lambda s: a_plan(s, "0" * 64),
    "A folder of plans that is not there": lambda s: s.serve("--plans", str(s.new())),
    "Circuits that others can write": circuits_of_everybody,
    "A port of Kubernetes' making": lambda s: s.refused("serve", QUIETKEYS_PORT="tcp://192.0.2.1:8750"),
}


@pytest.fixture(scope="module", params=["folder", "services"])
def scene(
    request: pytest.FixtureRequest, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One for all lines of a kind of storage; in the end it is started again, and works."""
    folder = tmp_path_factory.mktemp("scene")
    storage = in_folder(folder / "state") if request.param == "folder" else services.new_storage()
    trainer = Trainer(folder, storage.variables())
    trainer.start()
    filled = Filled(folder, storage, trainer)
    try:
        filled.fill()
        trainer.stop()
        yield Scene(filled, services, tmp_path_factory.mktemp("beside"))
        filled.start()
        works(filled)
    finally:
        if not trainer.ended():
            trainer.stop()


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_mistake_costs_nothing_and_names_the_next_step(scene: Scene, row: tuple[str, str, str]) -> None:
    """What the page says is said, in a sentence, and every row and object is still there."""
    mistake, happens, step = row
    before = scene.filled.everything()
    said = DONE[mistake](scene)
    phrases = re.findall(r"`([^`]+)`", f"{happens} {step}")
    assert phrases and re.search("`", step)
    assert [phrase for phrase in phrases if phrase not in said] == [], said
    assert scene.filled.everything() == before


def test_the_table_is_whole() -> None:
    """Every line is tried, none twice, and there are at least thirty."""
    assert [row[0] for row in ROWS] == list(DONE)
    assert len(ROWS) >= 30
