"""What every test has: the size switch, the folder of real texts, hypothesis profiles, shared fixtures.

`make test` runs everything at small numbers, repeatably. `make soak` adds the tests marked `soak` and asks
the others for big numbers through `sized`. No test depends on how busy the machine is: where a limit only
guards against hanging it is HANGS_S or more, see `tests/patience.py`.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from filelock import FileLock
from hypothesis import settings

# Fixtures that lie beside the tests they serve, loaded where a checkout has them.
_FIXTURES = ("tests.fhe_fixtures", "tests.screen_fixtures")
pytest_plugins = [name for name in _FIXTURES if find_spec(name) is not None]

SOAK_SECONDS: Final = 24 * 3600
# Fixtures too dear to be made in two processes, and the group that uses them.
ONCE: Final = {
    "cloud_session": "a cluster",
    "rayed": "a cluster",
    "real_session": "a real trainer",
    "desktop": "a desktop",
}
RESULTS: Final = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

# The same examples on every run: a red build is a change of ours, not luck. The soak looks for new ones.
settings.register_profile("test", max_examples=30, deadline=None, derandomize=True)
settings.register_profile("soak", max_examples=3000, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--soak`, `--soak-hours` and `--data FOLDER`."""
    group = parser.getgroup("quietkeys")
    group.addoption("--soak", action="store_true", help="big numbers, and the tests marked soak")
    group.addoption("--soak-hours", type=float, default=6.0, help="how long 10,000 devices use a trainer")
    group.addoption("--data", type=Path, metavar="FOLDER", help="texts of real people and typing statistics")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the hypothesis profile, and keeps every test away from the key store of this machine."""
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    # A script's background jobs ignore Ctrl-C, and so would every process that a test starts and stops so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("soak" if config.getoption("--soak") else "test")


def pytest_report_header(config: pytest.Config) -> str:
    """Says on what, and at which size, the figures below were taken."""
    size = "soak" if config.getoption("--soak") else "test"
    return f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; size: {size}"


@pytest.hookimpl(tryfirst=True)  # xdist looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves soak tests out unless asked for, and shares tests out.

    With `-n` a group runs in one process: the tests of a file, or all that use one of ONCE. Groups with
    encrypted tests are the longest and come first, so that no process is alone with one at the end.
    """
    soaking = bool(config.getoption("--soak"))
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    long = set[str]()
    for item in items:
        (left_out if "soak" in item.keywords and not soaking else kept).append(item)
        if soaking and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SOAK_SECONDS))
        group = _group(item)
        item.add_marker(pytest.mark.xdist_group(group))
        if "fhe" in item.keywords or group in ONCE.values():
            long.add(group)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    if config.getoption("dist", "no") != "no":
        kept.sort(key=lambda item: _group(item) not in long)
    items[:] = kept


def _group(item: pytest.Item) -> str:
    """The tests that run in the same process as this one."""
    used = set(getattr(item, "fixturenames", ()))
    if "rig" in used and hasattr(item, "callspec"):
        used.add(f"{item.callspec.params.get('rig')}_session")  # see tests/trainer/conftest.py
    return next((group for name, group in ONCE.items() if name in used), str(item.path))


@pytest.fixture(autouse=True)
def without_concrete() -> Iterator[None]:
    """Fails a test that loads Concrete into the process of the tests; see tests/engine/test_simulation.py."""
    yield
    assert "concrete.compiler" not in sys.modules


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """`made_once(name, make)`: the folder of this name, made by the first process of the run that asks."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        found = run / f"once-{name}"
        with FileLock(run / f"once-{name}.lock"):
            if not found.exists():
                draft = run / f"once-{name}.draft"
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(mode=0o700)
                make(draft)
                draft.rename(found)
        return found

    return folder


@pytest.fixture(scope="session")
def sized(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`sized(small, big)`: how many to try; small in `make test`, big in `make soak`."""
    soaking = bool(request.config.getoption("--soak"))
    return lambda small, big: big if soaking else small


@pytest.fixture(scope="session")
def results_folder() -> Path:
    """Where a soak keeps what it measured, one file per person, so that the next one goes on from there."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    return RESULTS


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> Path:
    """The folder given by `--data`; a test that needs it is skipped where none is given."""
    folder: Path | None = request.config.getoption("--data")
    if folder is None:
        pytest.skip("needs --data FOLDER")
    return folder.resolve(strict=True)
