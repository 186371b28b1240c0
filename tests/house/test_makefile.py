"""The Makefile explains itself, and its targets are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def test_every_target_is_documented(root: Path) -> None:
    """`make help` lists exactly the phony targets, each with a sentence."""
    text = (root / "Makefile").read_text()
    phony = set(" ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split())
    assert set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)) == phony
    assert {"install", "demo", "test", "soak", "check", "coverage", "docs", "app", "lock"} <= phony


def test_help_is_what_make_says_first(root: Path) -> None:
    """Plain `make` installs nothing and prints the list."""
    result = subprocess.run(["make", "-C", str(root)], capture_output=True, text=True, check=True)
    assert "make test" in result.stdout


def test_the_app_is_started_as_installed(root: Path) -> None:
    """`make app` runs the command that an installation has, with arguments of the user's."""
    command = ["make", "-C", str(root), "--dry-run", "app", "ARGS=--offline"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "quietkeys-keyboard --offline" in result.stdout


def test_what_needs_data_says_so(root: Path) -> None:
    """Soak and bench name the folders that they want, and start nothing."""
    for target in ("soak", "bench", "bench-quick"):
        command = ["make", "-C", str(root), "-o", "screen", "-o", "services", "-o", "check", target]
        result = subprocess.run([*command, "DATA="], capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert f"make {target} needs DATA=" in result.stderr


def test_continuous_integration_runs_what_people_run(root: Path) -> None:
    """`.ci/run` is executable and calls `make test`."""
    script = root / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()


def test_what_is_imported_is_compiled_once(root: Path) -> None:
    """Targets let Python keep its bytecode, whatever the caller's environment says."""
    command = ["make", "-C", str(root), "--eval", "said:; @echo $${PYTHONDONTWRITEBYTECODE-unset}", "said"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "unset" in result.stdout.splitlines()


def test_the_scripts_parse(root: Path) -> None:
    """Bash accepts every script."""
    for script in [root / ".ci/run", *sorted((root / "tools").glob("*.sh"))]:
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_tools_start_from_anywhere(root: Path, tmp_path: Path) -> None:
    """Every tool that the Makefile or a page for contributors names is a script that finds its own parts."""
    texts = [(root / name).read_text() for name in ("Makefile", "CONTRIBUTING.md", "RELEASING.md")]
    tools = sorted(set(re.findall(r"python tools/(\w+)\.py", " ".join(texts))))
    assert "deb" in tools
    for tool in tools:
        program = f"import runpy; runpy.run_path({str(root / 'tools' / tool)!r} + '.py')"
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_a_warning_stops_the_site(root: Path) -> None:
    """`make docs` builds strictly, as the tests of the documentation do."""
    command = ["make", "-C", str(root), "--dry-run", "docs"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "mkdocs build --strict" in result.stdout


def test_a_commit_is_checked_as_make_does(root: Path) -> None:
    """The hooks run the tools of .venv, each that `make check` runs, and download nothing."""
    config = (root / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"- repo: (.*)", config) == ["local"]
    assert set(re.findall(r"language: (.*)", config)) == {"system"}
    recipe = (root / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    checked = re.findall(r"\$\(BIN\)/(ruff \w+|\S+)", recipe)
    hooked = re.findall(r"entry: \.venv/bin/(ruff \w+|\S+)", config)
    assert sorted(hooked) == sorted(checked)
