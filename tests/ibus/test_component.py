"""The files by which IBus finds the engine: written, found, and gone again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from quietkeys_ibus import component
from quietkeys_ibus.cli import app
from quietkeys_ibus.preferences import Preferences


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has nothing yet."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def files(folder: Path) -> list[str]:
    """What lies below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_installing_is_undone_by_uninstalling(home: Path) -> None:
    """Two files, and what to restart is said; the profile is not touched."""
    (home / ".local/share/quietkeys").mkdir(parents=True)
    (home / ".local/share/quietkeys/profile").write_text("kept")
    said = CliRunner().invoke(app, ["install"])
    assert said.exit_code == 0
    assert "Log out" in said.output
    assert files(home) == [
        ".config/environment.d/60-quietkeys-ibus.conf",
        ".local/share/ibus/component/quietkeys.xml",
        ".local/share/quietkeys/profile",
    ]
    assert CliRunner().invoke(app, ["install"]).exit_code == 0
    assert "Removed" in CliRunner().invoke(app, ["uninstall"]).output
    assert files(home) == [".local/share/quietkeys/profile"]
    assert "not installed" in CliRunner().invoke(app, ["uninstall"]).output


def test_the_component_names_a_command_that_runs(home: Path) -> None:
    """With the interpreter that installed it, whatever is in the name of its folder."""
    text = component.component([sys.executable, "a b & c"])
    found = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert found.findtext("exec") == f"{sys.executable} 'a b & c'"
    assert found.findtext("engines/engine/name") == "quietkeys"


def test_the_systems_own_engines_stay(home: Path) -> None:
    """IBus looks only where it is told to, once it is told."""
    CliRunner().invoke(app, ["install"])
    line = (home / ".config/environment.d/60-quietkeys-ibus.conf").read_text()
    name, _, folders = line.strip().partition("=")
    assert name == "IBUS_COMPONENT_PATH"
    assert folders.split(":") == ["/usr/share/ibus/component", str(home / ".local/share/ibus/component")]


def test_a_folder_that_cannot_be_written_is_said(home: Path) -> None:
    """In a line, with a status."""
    (home / ".local").write_text("a file")
    said = CliRunner().invoke(app, ["install"])
    assert said.exit_code == 2
    assert "refused" in said.output


def test_without_pygobject_it_says_what_to_install(tmp_path: Path) -> None:
    """By the names of Debian's packages."""
    (tmp_path / "gi.py").write_text("raise ImportError\n")
    ran = subprocess.run(
        [sys.executable, "-m", "quietkeys_ibus", "run"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "python3-gi" in ran.stderr


def test_preferences_are_kept(tmp_path: Path) -> None:
    """What cannot be read, or is of another kind, is as it is at first."""
    path = tmp_path / "folder/ibus.json"
    assert Preferences.load(path) == Preferences()
    chosen = Preferences(tab=False, trainer="https://trainer.test")
    chosen.save(path)
    assert Preferences.load(path) == chosen
    path.write_text('{"tab": "no", "strip": false, "other": 1}')
    assert Preferences.load(path) == Preferences(strip=False)
    path.write_text("[")
    assert Preferences.load(path) == Preferences()
