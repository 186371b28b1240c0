"""The command line on installs of every size: help always works, what is missing is said in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(arguments: str, *absent: str) -> subprocess.CompletedProcess[str]:
    """Run `quietkeys ARGUMENTS` in an interpreter in which some modules cannot be imported."""
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in absent)
    found = f"find = importlib.util.find_spec\nabsent = {absent!r}\n"
    found += "importlib.util.find_spec = lambda name, *a: None if name in absent else find(name, *a)\n"
    program = f"import importlib.util, sys\n{found}{hidden}sys.argv = ['quietkeys', *{arguments.split()!r}]\n"
    program += "from quietkeys.cli.main import app\napp()\n"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=900
    )


def test_help_needs_no_extra() -> None:
    """A base install lists the commands, also those that need more."""
    result = run("--help", "concrete", "jsonschema", "torch", "fastapi", "scipy")
    assert result.returncode == 0
    assert "demo" in result.stdout
    assert "bench" in result.stdout


@pytest.mark.parametrize("arguments", ["bench", "bench personalization --people here --json there"])
def test_a_command_that_needs_an_extra_names_it(arguments: str) -> None:
    """A plug-in that cannot be imported says what to install, whatever its arguments are."""
    result = run(arguments, "jsonschema")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "quietkeys[dev]" in result.stderr


def test_the_demo_names_its_extras() -> None:
    """Without Concrete the demo ends with a sentence and advice before it does anything."""
    result = run("demo", "concrete")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "quietkeys[trainer]" in result.stderr


@pytest.mark.parametrize("arguments", ["demo --text no/such/file.txt", "demo --json no/such/folder/x.json"])
def test_a_wrong_path_is_said_in_one_sentence(arguments: str) -> None:
    """No traceback, a status that is not zero, advice."""
    result = run(arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("quietkeys: ")
    assert "Traceback" not in result.stderr


def test_the_bench_says_what_is_wrong_with_its_arguments() -> None:
    """A folder that is not there and rates that are none end in a sentence."""
    for arguments in (
        "bench personalization --people no/such/folder --json x.json",
        "bench personalization --people . --json x.json --rates 2",
    ):
        result = run(arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert "quietkeys bench: " in result.stderr
