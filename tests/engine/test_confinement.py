"""What the engine's children are given, and what becomes of those that misbehave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from quietkeys_protocol.errors import Refused
from quietkeys_trainer.engine import children
from quietkeys_trainer.engine.child import MAX_REQUEST_BYTES
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.confinement import around, landlock_version, require_filters
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError
from tests.patience import HANGS_S

ROOT: Final = Path(__file__).parents[2]
LIMITS: Final = Limits(wall_s=60.0, cpu_s=60, memory_bytes=1 << 32)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files, and a child that does as it is told."""
    monkeypatch.setattr(children, "CHILD", "tests.engine.odd_child")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def ask(order: str, limits: Limits = LIMITS, hidden: Sequence[Path] = ()) -> list[bytes]:
    """What a child answers that was told to do something."""
    return children.ask([], [order.encode()], limits, hidden=hidden)


def told() -> dict[str, Any]:
    """What a child says about itself."""
    facts: dict[str, Any] = json.loads(ask("tell")[0])
    return facts


@pytest.mark.usefixtures("temporary")
def test_a_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment a child has paths and language, not what a service is configured by."""
    for name in ("DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "QUIETKEYS_TOKEN", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "canary")
    environment = told()["environment"]
    assert "canary" not in environment.values()
    allowed = {
        "LANG",
        "LD_LIBRARY_PATH",
        "PATH",
        "VIRTUAL_ENV",
        "TMPDIR",
        "HOME",
        "PYTHONPATH",
        "LC_CTYPE",
        "OMP_NUM_THREADS",
    }
    assert set(environment) <= allowed


def test_a_child_has_a_folder_of_its_own_that_is_removed(temporary: Path) -> None:
    """Temporary files, home and working folder are one private folder, gone afterwards with what is in it."""
    facts = told()
    places = {facts["folder"], facts["environment"]["TMPDIR"], facts["environment"]["HOME"]}
    assert len(places) == 1
    assert Path(facts["folder"]).parent == temporary
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_a_child_is_limited() -> None:
    """Memory, processor time and files are bounded, and no core file is written."""
    limits = told()["limits"]
    assert limits["RLIMIT_AS"] == LIMITS.memory_bytes
    assert limits["RLIMIT_CPU"] == LIMITS.cpu_s
    assert limits["RLIMIT_CORE"] == 0
    assert limits["RLIMIT_FSIZE"] == 256 << 20


@pytest.mark.skipif(not landlock_version(), reason="this kernel has no Landlock")
@pytest.mark.usefixtures("temporary")
def test_a_child_reaches_nothing_but_its_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files it has what it was given and its own folder; no socket, and no other process of its user."""
    state = tmp_path.parent / f"{tmp_path.name}-state"
    (state / "given").mkdir(parents=True)
    (state / "given" / "circuit").write_bytes(b"circuit")
    (state / "trainer.key").write_bytes(b"canary")
    monkeypatch.setenv("LANG", str(state / "trainer.key"))
    reached = json.loads(ask("reach")[0])
    allowed = {"what it was given", "its own folder", "a thread"}
    assert {way for way, is_open in reached.items() if is_open} == allowed
    assert len(reached) == 15


@pytest.fixture
def among_libraries() -> Iterator[Path]:
    """A new folder where the interpreter keeps its libraries, which children can read."""
    with tempfile.TemporaryDirectory(dir=sys.prefix, prefix="state-") as name:
        yield Path(name)


@pytest.mark.skipif(not landlock_version(), reason="this kernel has no Landlock")
@pytest.mark.usefixtures("temporary")
def test_the_state_is_hidden_wherever_it_lies(among_libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder in the middle of what a child may read is not seen, but for what the child is given."""
    (among_libraries / "given").mkdir()
    (among_libraries / "given" / "circuit").write_bytes(b"circuit")
    (among_libraries / "trainer.key").write_bytes(b"canary")
    monkeypatch.setenv("LANG", str(among_libraries / "trainer.key"))
    for hidden, seen in ((), True), ((among_libraries,), False):
        reached = json.loads(ask("reach", hidden=hidden)[0])
        assert reached["a file of the service"] is seen
        assert reached["what it was given"] and reached["its own folder"]


def test_what_is_hidden_is_cut_out_of_what_is_around_it(tmp_path: Path) -> None:
    """Everything beside it is left; a place within it that is named stays; a link to it is no way in."""
    for name in ("lib/a", "lib/state/deep", "lib/z"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib" / "way in").symlink_to(tmp_path / "lib" / "state")
    library, state = tmp_path / "lib", tmp_path / "lib" / "state"
    assert list(around(library, [tmp_path / "elsewhere"])) == [library]
    assert list(around(library, [state])) == [library / "a", library / "z"]
    assert list(around(state / "deep", [state])) == [state / "deep"]
    assert list(around(state, [state])) == []


@pytest.mark.usefixtures("temporary")
def test_what_a_child_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler starts the linker; when its time is over both are gone."""
    told_pid = tmp_path.parent / f"{tmp_path.name}.pid"
    monkeypatch.setenv("LANG", str(told_pid))
    with pytest.raises(EngineFailed):
        ask("fork and hang", Limits(wall_s=3.0, cpu_s=60, memory_bytes=1 << 32))
    fork = wait_for_pid(told_pid)
    deadline = time.monotonic() + HANGS_S
    while not gone(fork):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_child_cannot_fill_the_disk(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files it writes, each of them small, it is ended and they are removed."""
    monkeypatch.setattr(children, "FOLDER_BYTES", 20 << 20)
    start = time.monotonic()
    with pytest.raises(EngineFailed):
        ask("fill", Limits(wall_s=900.0, cpu_s=60, memory_bytes=1 << 32))
    assert time.monotonic() - start < 500  # it would sleep for 600 s
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_a_child_that_the_system_kills_is_no_fault_of_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory runs out, or there is no folder for temporary files, the job may be tried again."""
    with pytest.raises(ExecutorLostError):
        ask("be killed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ExecutorLostError):
        ask("tell")


@pytest.mark.parametrize("order", ["crash", "babble", "short", "fail after answering", "hog", "nothing"])
def test_misbehaviour_is_a_typed_failure(order: str, temporary: Path) -> None:
    """A crash, an answer that makes no sense, too much memory: one error, and nothing is left behind."""
    with pytest.raises(EngineFailed):
        ask(order)
    assert list(temporary.iterdir()) == []


def test_a_child_that_hangs_is_ended(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its time a child is killed."""
    told_pid = temporary.parent / f"{temporary.name}.pid"
    monkeypatch.setenv("LANG", str(told_pid))
    start = time.monotonic()
    with pytest.raises(EngineFailed):
        ask("sleep", Limits(wall_s=3.0, cpu_s=60, memory_bytes=1 << 32))
    assert time.monotonic() - start < 500  # it would sleep for 600 s
    assert gone(int(told_pid.read_text()))


def test_a_child_dies_with_its_parent(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed leaves no child behind."""
    told_pid = temporary / "pid"
    monkeypatch.setenv("LANG", str(told_pid))
    code = (
        "from quietkeys_trainer.engine import children\n"
        "children.CHILD = 'tests.engine.odd_child'\n"
        "children.ask([], [b'sleep'], children.Limits(600.0, 60, 1 << 32))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        child = wait_for_pid(told_pid)
        assert not gone(child)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 900
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(child)


@pytest.mark.usefixtures("temporary")
def test_an_answer_is_bounded() -> None:
    """A child cannot make its parent hold more than a request may have."""
    assert MAX_REQUEST_BYTES <= 256 << 20


def wait_for_pid(path: Path) -> int:
    """The process id that a child writes."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise TimeoutError


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] in {"Z", "X"}


def test_a_child_yields_the_processor(tmp_path: Path) -> None:
    """It lowers its own priority before it reads what it is to work on: devices wait for the API."""
    command = [
        sys.executable,
        "-m",
        children.CHILD,
        str(os.getpid()),
        "60",
        str(8 << 30),
        "",
        "run",
        str(tmp_path),
        "1",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        expected = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        deadline = time.monotonic() + 900
        while os.getpriority(os.PRIO_PROCESS, child.pid) != expected:
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        child.kill()


def test_a_system_that_cannot_filter_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a child is started, and by the name of what is missing."""
    require_filters()
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(Refused, match="libseccomp"):
        require_filters()
