"""requirements.lock: complete, exact, and silent about where packages come from."""

from __future__ import annotations

import re
import sysconfig
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import lock

HASH = r"--hash=sha256:[0-9a-f]{64}"


@pytest.fixture(scope="module")
def requirements(root: Path) -> list[Requirement]:
    """The packages in the lock, with their markers."""
    text = (root / "requirements.lock").read_text().replace("\\\n", " ")
    entries = [line.split(" --hash=")[0] for line in text.splitlines() if not line.startswith("#")]
    return [Requirement(entry) for entry in entries]


def test_names_versions_and_hashes_are_all_there_is(root: Path) -> None:
    """Every line is a header, a pinned name with its marker, or a SHA-256; no index, path or option."""
    line = re.compile(rf"(# [\w`,. -]+|[a-z0-9.-]+==[\w.]+( ; [\w.*'\"<>=! ]+)? \\|    {HASH}( \\)?)")
    offenders = [
        row for row in (root / "requirements.lock").read_text().splitlines() if not line.fullmatch(row)
    ]
    assert not offenders, "\n".join(offenders)


def test_every_package_has_a_hash(root: Path) -> None:
    """No entry can be satisfied by a file whose content was not known when the lock was made."""
    text = (root / "requirements.lock").read_text().replace("\\\n", " ")
    assert [row for row in text.splitlines() if "==" in row and not re.search(HASH, row)] == []


def test_what_the_project_asks_for_is_locked(root: Path, requirements: list[Requirement]) -> None:
    """Each dependency of an extra that has wheels, or of a group, is in the lock at a version it admits."""
    tree = tomllib.loads((root / "pyproject.toml").read_text())
    project, groups = tree["project"], tree["dependency-groups"]
    extras = project["optional-dependencies"]
    locked_extras = [extras[name] for name in extras if name not in lock.SYSTEM]
    lists = [project["dependencies"], *locked_extras, *groups.values()]
    locked = {canonicalize_name(entry.name): entry.specifier for entry in requirements if applies(entry)}
    for wanted in filter(applies, (Requirement(line) for names in lists for line in names)):
        pinned = locked.get(canonicalize_name(wanted.name))
        assert pinned is not None, f"{wanted.name} is not in the lock: run `make lock`"
        assert wanted.specifier.contains(str(pinned).removeprefix("=="), prereleases=True), str(wanted)


def test_the_environment_is_what_the_lock_says(requirements: list[Requirement]) -> None:
    """Tests run against the locked versions, not against whatever was there."""
    wanted = {entry.name: str(entry.specifier) for entry in requirements if applies(entry)}
    # Where they were installed: Ray brings a psutil of its own, which it puts before this one when imported.
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    found = {canonicalize_name(one.name): one.version for one in distributions(path=places)}
    assert {name: f"=={found.get(canonicalize_name(name))}" for name in wanted} == wanted


def applies(entry: Requirement) -> bool:
    """Whether an entry of the lock is for this interpreter."""
    return entry.marker is None or entry.marker.evaluate()


def test_entries_keep_only_markers_that_tell_pythons_apart() -> None:
    """What holds everywhere the lock is for is dropped from a marker, the rest and all hashes stay."""
    resolved = (
        "six==1.0 ; python_full_version < '3.13' and sys_platform == 'linux' \\\n    --hash=sha256:bb \\\n"
        "    --hash=sha256:aa\n"
        "seven==2.0 ; python_full_version < '3.12' and platform_machine == 'x86_64' \\\n"
        "    --hash=sha256:cc\n"
    )
    assert list(lock.entries(resolved)) == [
        "six==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n",
        'seven==2.0 ; python_full_version < "3.12" \\\n    --hash=sha256:cc\n',
    ]
