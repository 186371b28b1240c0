"""What every test has: the size switch, the folder of real texts, hypothesis profiles, shared fixtures.

`make test` runs everything at small numbers, repeatably. `make soak` adds the tests marked `soak` and asks
the others for big numbers through `sized`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# Fixtures that lie beside the tests they serve, loaded where a checkout has them.
_FIXTURES = ("tests.fhe_fixtures", "tests.screen_fixtures")
pytest_plugins = [name for name in _FIXTURES if find_spec(name) is not None]

FHE_SECONDS: Final = 600  # one encrypted round takes under a minute on 2 idle cores; CI's are not idle
SOAK_SECONDS: Final = 24 * 3600
# The folders whose tests share what a run has once: FHE keys, a PostgreSQL server, a Ray cluster.
ONCE: Final = frozenset({"cipher", "trainer"})
RESULTS: Final = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

# The same examples on every run: a red build is a change of ours, not luck. The soak looks for new ones.
settings.register_profile("test", max_examples=30, deadline=None, derandomize=True)
settings.register_profile("soak", max_examples=3000, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--soak` and `--data FOLDER`."""
    group = parser.getgroup("quietkeys")
    group.addoption("--soak", action="store_true", help="big numbers, and the tests marked soak")
    group.addoption("--data", type=Path, metavar="FOLDER", help="texts of real people and typing statistics")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the hypothesis profile, and keeps every test away from the key store of this machine."""
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    settings.load_profile("soak" if config.getoption("--soak") else "test")


def pytest_report_header(config: pytest.Config) -> str:
    """Says on what, and at which size, the figures below were taken."""
    size = "soak" if config.getoption("--soak") else "test"
    return f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; size: {size}"


@pytest.hookimpl(tryfirst=True)  # xdist looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves soak tests out unless asked for, gives slow tests the time they need, and shares tests out.

    With `-n` a group runs in one process: the tests of a file, and all of those in the folders of ONCE.
    """
    soaking = bool(config.getoption("--soak"))
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (left_out if "soak" in item.keywords and not soaking else kept).append(item)
        if item.get_closest_marker("timeout") is None:
            if soaking:
                item.add_marker(pytest.mark.timeout(SOAK_SECONDS))
            elif "fhe" in item.keywords:
                item.add_marker(pytest.mark.timeout(FHE_SECONDS))
        shares = item.path.parent.name in ONCE
        item.add_marker(pytest.mark.xdist_group("once" if shares else item.path.stem))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


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
