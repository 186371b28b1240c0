"""The Debian package: what it depends on, and used from a clean folder with the system's Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ibus.desktop import session, window
from tools import deb

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("desktop")]  # with the other desktops


@pytest.fixture(scope="module")
def package(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The package, as `make deb` builds it."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("the system lacks dpkg-deb")
    (built,) = made_once("deb", deb.main).iterdir()
    return built


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the package brings."""
    version = subprocess.run(
        ["/usr/bin/python3", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    if version.split(".")[:2] != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"the system's Python is {version}, and compiled modules are of this one")
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder


def test_it_depends_on_what_debian_has(package: Path) -> None:
    """IBus, its introspection and PyGObject are not brought along, nor is another Python right for it."""
    ran = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True)
    names = re.findall(r"([a-z][a-z0-9.+-]+)(?: \(|,|$)", ran.stdout.strip())
    assert names == ["python3-gi", "ibus", "gir1.2-ibus-1.0", "python3", "python3"]


def test_it_brings_the_device_alone(installed: Path) -> None:
    """Below one folder, a command and the component file aside."""
    outside = [
        str(path.relative_to(installed))
        for path in installed.rglob("*")
        if not path.is_dir() and not path.is_relative_to(installed / deb.HOME)
    ]
    assert sorted(outside) == ["usr/bin/quietkeys-ibus", "usr/share/ibus/component/quietkeys.xml"]
    packages = {path.name for path in (installed / deb.HOME / "packages").iterdir()}
    assert {"quietkeys", "quietkeys_ibus", "quietkeys_protocol", "numpy", "onnxruntime"} <= packages
    assert not packages & {"quietkeys_trainer", "quietkeys_bench", "kivy", "torch", "concrete"}


def test_its_command_runs(installed: Path) -> None:
    """With an environment that says nothing."""
    command = [str(installed / "usr/bin/quietkeys-ibus"), "--help"]
    ran = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    assert "install" in ran.stdout


def test_a_mistake_is_put_right_by_what_was_installed(
    installed: Path, screen_in_memory: str, tmp_path: Path
) -> None:
    """The engine that the component file names, on a desktop of its own."""
    text = (installed / "usr/share/ibus/component/quietkeys.xml").read_text()
    named = re.search(r"<exec>/(.*)</exec>", text)
    assert named is not None
    with (
        session(screen_in_memory, tmp_path, [str(installed / named[1])]) as found,
        window(found, "3") as fields,
    ):
        fields.click("text")
        fields.type("text", "see teh")
        fields.offers("teh", best="the")
        fields.type("text", " ", becomes="see the ")
