"""Who may import whom, and what: checked on the sources, and in an interpreter of its own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.conftest import PACKAGES

# What an import of one part of the device has no use for.
OTHERS: Final = {
    "quietkeys": ("cryptography", "keyring", "nacl", "numpy", "onnxruntime", "rapidfuzz", "requests"),
    "quietkeys.cipher.process": (
        *("filelock", "keyring", "nacl", "onnxruntime", "rapidfuzz", "requests", "subprocess"),
    ),
    "quietkeys.personalizer": ("keyring", "rich", "typer"),
}
HEAVY: Final = ("torch", "concrete", "fastapi", "gi", "kivy", "onnx", "sqlalchemy", "quietkeys_trainer")

# Which of us a package may import, and which extras its users have installed.
OURS: Final = {
    "quietkeys_protocol": set[str](),
    "quietkeys": {"quietkeys_protocol"},
    "quietkeys_trainer": {"quietkeys_protocol"},
    "quietkeys_keyboard": {"quietkeys"},
    "quietkeys_ibus": {"quietkeys"},
    "quietkeys_bench": {"quietkeys", "quietkeys_protocol"},
}
MEASURED: Final = (
    "quietkeys_trainer.engine.local"  # what the bench of circuits times, with no service around it
)
# Scripts that run in an environment of the bench's own, and what is installed there.
APART: Final = Path("benchmarks/quietkeys_bench/alternatives/children")
APART_NEEDS: Final = APART.parent / "requirements.in"
# What types in a desktop, for the system's Python or beside the input method, with what Debian installs.
DESKTOP: Final = Path("benchmarks/quietkeys_bench/ibus")
DESKTOP_NEEDS: Final = {"gi", "quietkeys_ibus", "tabsqlitedb"}
SYSTEM: Final = {"gi": ["PyGObject"]}  # where it is the system's, this environment does not know it
EXTRAS: Final = {
    "quietkeys_protocol": (),
    "quietkeys": ("sgd",),  # which one module imports; the contracts in pyproject.toml name it
    "quietkeys_trainer": ("trainer", "ray"),
    "quietkeys_keyboard": ("demo",),
    "quietkeys_ibus": ("ibus",),
    "quietkeys_bench": ("trainer", "dev"),
}


def imported(source: str) -> Iterator[str]:
    """The dotted name of every module that a source imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module


def declared(root: Path, extras: tuple[str, ...]) -> set[str]:
    """The distributions that pyproject.toml asks for, without extras and with those."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {canonicalize_name(Requirement(line).name) for names in lists for line in names}


def installed_apart(root: Path) -> set[str]:
    """The distributions that the bench's own environment is made of."""
    lines = (line.partition("#")[0].strip() for line in (root / APART_NEEDS).read_text().splitlines())
    return {canonicalize_name(Requirement(line).name) for line in lines if line}


def top(module: str) -> str:
    """The first part of a dotted name."""
    return module.partition(".")[0]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_imports_only_what_its_users_have_installed(
    package: str, root: Path, sources: dict[Path, str]
) -> None:
    """Everything imported is the standard library, an allowed package of ours, or a declared dependency."""
    allowed = declared(root, EXTRAS[package])
    if package == "quietkeys_protocol":
        allowed = {"numpy"}
    providers = {**packages_distributions(), **SYSTEM}
    offenders = []
    for path, source in sources.items():
        if not path.is_relative_to(PACKAGES[package]):
            continue
        for module in imported(source):
            name = top(module)
            if name in sys.stdlib_module_names or name == package or name in OURS[package]:
                continue
            if allowed.intersection(canonicalize_name(provider) for provider in providers.get(name, ())):
                continue
            if package == "quietkeys_bench" and module == MEASURED:
                continue
            if path.is_relative_to(root / APART) and canonicalize_name(name) in installed_apart(root):
                continue
            if path.is_relative_to(root / DESKTOP) and name in DESKTOP_NEEDS:
                continue
            offenders.append(f"{path.relative_to(root)} imports {module}")
    assert not offenders, "\n".join(offenders)


def test_the_rule_for_imports_sees_every_form() -> None:
    """Plain, dotted, from, nested and relative imports are told apart."""
    source = "import a.b\nfrom c.d import e\nfrom . import f\ndef g():\n    import h as i\n"
    assert sorted(imported(source)) == ["a.b", "c.d", "h"]


@pytest.mark.parametrize("module", ["quietkeys", "quietkeys_protocol"])
def test_a_light_import_loads_nothing_heavy(module: str) -> None:
    """A fresh interpreter that imports the typing path has loaded none of the heavy libraries."""
    assert loaded_after(f"import {module}") == set()


def test_suggesting_loads_nothing_heavy(tmp_path: Path) -> None:
    """Opening a profile and asking for suggestions needs onnxruntime and numpy, nothing heavier."""
    opening = f"keyboard = quietkeys.Personalizer.open({str(tmp_path / 'profile')!r})"
    assert loaded_after(f"import quietkeys\n{opening}\nkeyboard.suggest('see you', 'tomorow')") == set()


@pytest.mark.parametrize("module", OTHERS)
def test_a_part_of_the_device_loads_nothing_of_the_others(module: str) -> None:
    """The package alone loads no library, the encryption process none of those for typing and sending."""
    assert loaded_after(f"import {module}", OTHERS[module]) == set()


def loaded_after(statement: str, among: tuple[str, ...] = HEAVY) -> set[str]:
    """Which of some libraries a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(re.split(r"\s+", result.stdout.strip())) & set(among)


def test_the_light_import_test_can_fail() -> None:
    """The measurement behind the light-import test sees a heavy library where there is one."""
    assert loaded_after("import onnx") == {"onnx"}
