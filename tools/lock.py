"""Writes requirements.lock: packages of groups and of extras that have wheels, by version and hash, no more.

Resolved once for Linux on x86-64 and the Pythons that pyproject.toml admits. The lock names no index, path
or host: where packages come from is the business of whoever installs, what they are is not.

    python tools/lock.py              keep the locked versions that still fit pyproject.toml
    python tools/lock.py --upgrade    the newest of everything
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "requirements.lock"
# Extras of which nothing has wheels: they bind to libraries of the system, and are the system's to bring.
SYSTEM: Final = frozenset({"ibus"})
HEADER: Final = "# Written by `make lock`, for Linux on x86-64 and CPython 3.11 and 3.12.\n"


def main(arguments: Sequence[str]) -> int:
    """Rewrite the lock and return 0; a resolution that fails leaves the old lock alone."""
    unknown = set(arguments) - {"--upgrade"}
    if unknown:
        print(f"usage: lock.py [--upgrade], not {' '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    packages = list(entries(resolve(upgrade="--upgrade" in arguments)))
    LOCK.write_text(HEADER + "".join(packages))
    print(f"{LOCK.name}: {len(packages)} entries")
    return 0


def resolve(*, upgrade: bool) -> str:
    """Return the resolver's answer, in requirements format with hashes and markers."""
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    minimum = oldest.removeprefix(">=").split(",")[0]
    # A developer's own index settings must not reach the lock: hashes have to be those of the public files.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / LOCK.name
        if LOCK.exists():
            output.write_text(LOCK.read_text())
        command = ["uv", "pip", "compile", "pyproject.toml", "--group", "peer", "--universal"]
        command += [f"--extra={name}" for name in extras() if name not in SYSTEM]
        command += ["--python-version", minimum, "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet", "--output-file", str(output)]
        command += ["--upgrade"] if upgrade else []
        executable = Path(sys.executable).with_name(command[0])
        subprocess.run([executable, *command[1:]], cwd=ROOT, env=environment, check=True)
        return output.read_text()


def extras() -> list[str]:
    """Return the names of all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"])


def entries(resolved: str) -> Iterator[str]:
    """Yield an entry per package, `name==version ; marker` and its hashes, without what every marker says."""
    for entry in resolved.replace("\\\n", " ").splitlines():
        head, *hashes = entry.split(" --hash=")
        requirement = Requirement(head)
        marker = " and ".join(
            clause for clause in str(requirement.marker or "").split(" and ") if not is_given(clause)
        )
        lines = [f"{requirement.name}{requirement.specifier}" + (f" ; {marker}" if marker else "")]
        lines += [f"    --hash={digest.strip()}" for digest in sorted(hashes)]
        yield " \\\n".join(lines) + "\n"


def is_given(clause: str) -> bool:
    """Return whether a marker clause holds wherever the lock is for, so that it says nothing."""
    return clause.replace('"', "'") in {
        "python_full_version < '3.13'",
        "platform_machine == 'x86_64'",
        "sys_platform == 'linux'",
        "platform_python_implementation != 'PyPy'",
        "implementation_name != 'PyPy'",
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
