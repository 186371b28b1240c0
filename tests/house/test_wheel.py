"""The built wheel works alone: installed with the base dependencies and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.fhe_fixtures import Compiled
from tests.house.conftest import PACKAGES, ROOT
from tools.wheels import base_install, built, copy_distribution

HEAVY: Final = ("torch", "concrete", "fastapi", "kivy", "onnx", "sqlalchemy")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as `make wheel` builds it."""
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An interpreter with the wheel and its base dependencies, copied from what the lock brought."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, with_pip=False, symlinks=True)
    purelib = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name in sorted(base_install()):
        copy_distribution(name, purelib)
    interpreter = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(interpreter), "--quiet", "install"]
    subprocess.run([*install, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    return interpreter


def test_the_base_install_is_light() -> None:
    """Without extras nothing heavy is installed, let alone loaded."""
    assert not base_install() & {*HEAVY, "concrete-python", "concrete-ml"}


def test_the_sdk_imports_from_the_wheel_alone(python: Path, tmp_path: Path) -> None:
    """`import quietkeys` needs the base dependencies only, and takes the files of the wheel."""
    program = "import quietkeys, quietkeys_protocol; print(quietkeys.__file__)"
    result = subprocess.run(
        [python, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(str(python.parent.parent))


DEVICE: Final = """
import pathlib, sys
import numpy as np
from quietkeys.cipher import Parameters, device_cipher
from quietkeys_protocol.plan import Plan

what, folder, plan, specification = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
parameters = Parameters.of(Plan.parse(plan.read_bytes()), specification.read_bytes())
cipher = device_cipher(folder, parameters, file_key=bytes(32))
values = [folder.with_name(f"value{number}") for number in range(len(parameters.plan.report_fields))]
if what == "begin":
    cipher.generate_keys()
    cipher.write_evaluation_keys(folder.with_name("evaluation"))
    arrays = [np.zeros(field.size, np.int64) for field in parameters.plan.report_fields]
    for path, value in zip(values, cipher.encrypt(arrays)):
        path.write_bytes(value)
else:
    results = [path.read_bytes() for path in sorted(folder.parent.glob("result*"))]
    print(max(int(abs(weights).max()) for weights in cipher.decrypt(results)))
cipher.close()
"""


@pytest.mark.fhe
def test_a_base_install_takes_part_in_a_round(python: Path, tmp_path: Path, compiled: Compiled) -> None:
    """With the wheel and nothing heavy a device makes keys, encrypts, and decrypts what was trained here."""
    (tmp_path / "plan").write_bytes(compiled.parameters.plan.canonical)
    (tmp_path / "specification").write_bytes(compiled.parameters.specification.canonical)
    where = [tmp_path / "keys", tmp_path / "plan", tmp_path / "specification"]

    def device(what: str) -> str:
        command: list[str | Path] = [python, "-I", "-c", DEVICE, what, *where]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return ran.stdout

    device("begin")
    values = [(tmp_path / f"value{n}").read_bytes() for n in range(len(compiled.parameters.frames.report))]
    results = compiled.engine.run((tmp_path / "evaluation").read_bytes(), [values])
    for number, result in enumerate(results):
        (tmp_path / f"result{number}").write_bytes(result)
    assert int(device("end")) <= 90  # a report of nothing trains to next to nothing


def test_the_command_starts_without_extras(python: Path, tmp_path: Path) -> None:
    """`quietkeys --help` answers on a base install, although `bench` needs more."""
    command = python.with_name("quietkeys")
    result = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "demo" in result.stdout


def test_the_wheel_holds_every_committed_file_of_its_packages(wheel: Path, committed: list[Path]) -> None:
    """Modules, py.typed, bundles, migrations and schemas: nothing in a package is left behind."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(folder.parent))
        for folder in PACKAGES.values()
        for path in committed
        if path.is_relative_to(folder)
    }
    assert expected - inside == set()
    assert not [name for name in inside if re.match(r"(tests|tools|docs)/", name)]


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    """Licence and notice travel with the code."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("LICENSE", "NOTICE"):
        assert any(path.endswith(f"dist-info/licenses/{name}") for path in names)
        assert (ROOT / name).read_text()
