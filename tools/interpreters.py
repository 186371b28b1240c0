"""Pythons to try a wheel with: this machine's own, else Debian's, unpacked into a folder and run from there.

Nothing is installed, and root is not needed. Debian's Python is started by a script of two lines: through the
loader that it came with, or through qemu where it is for another processor. The script lies where the
environment's Python would, so that its packages are the environment's and what it starts is started so too.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Which release of Debian has which Python.
RELEASES: Final = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
# By `platform.machine()`: Debian's name, its folder of libraries, its loader.
MACHINES: Final = {
    "x86_64": ("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
# Processors that are emulated: no SVE, with which qemu 7.2 gets the least squares of OpenBLAS wrong.
EMULATED: Final = {"aarch64": "cortex-a72", "x86_64": "max"}
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
MERGED: Final = ("bin", "lib", "lib64", "sbin")  # links to folders of /usr, which no package brings along


class NotHereError(Exception):
    """An interpreter that cannot be had on this machine; says why."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """version: `3.13`. machine: as `platform.machine()` says it."""

    version: str
    machine: str

    def environment(self, folder: Path, cache: Path) -> Path:
        """Make a new, empty environment in a folder; return its Python.

        cache: where what was unpacked stays for the next time. Raises NotHereError.
        """
        shutil.rmtree(folder, ignore_errors=True)
        if self.machine == platform.machine() and (own := found_here(self.version)):
            run(uv(), "venv", "--quiet", "--no-python-downloads", "--python", own, folder)
            return folder / "bin" / "python"
        root = self._unpacked(cache)
        python = folder / "bin" / "python"
        python.parent.mkdir(parents=True)
        (folder / "lib" / f"python{self.version}" / "site-packages").mkdir(parents=True)
        (folder / "pyvenv.cfg").write_text(f"home = {root}/usr/bin\nversion = {self.version}\n")
        python.write_text(f'#!/bin/sh\nexec {self._start(root)} {root}/usr/bin/python{self.version} "$@"\n')
        python.chmod(0o755)
        return python

    def _start(self, root: Path) -> str:
        _, libraries, loader = MACHINES[self.machine]
        if self.machine == platform.machine():
            return f'{root}/lib64/{loader} --argv0 "$0" --library-path {root}/usr/lib/{libraries}'
        emulator = shutil.which(f"qemu-{self.machine}-static") or shutil.which(f"qemu-{self.machine}")
        if emulator is None:
            raise NotHereError(f"needs qemu-user-static, to run {self.machine}")
        return f'{emulator} -cpu {EMULATED[self.machine]} -0 "$0" -L {root}'

    def _unpacked(self, cache: Path) -> Path:
        """Return a folder with Debian's Python and all that it needs."""
        root = cache / f"python{self.version}-{self.machine}"
        if (root / "complete").exists():
            return root
        if self.version not in RELEASES or shutil.which("apt-get") is None:
            raise NotHereError(f"needs python{self.version}")
        shutil.rmtree(root, ignore_errors=True)
        state = root / "apt"
        for name in ("lists/partial", "archives/partial"):
            (state / name).mkdir(parents=True)
        (state / "status").touch()
        architecture = MACHINES[self.machine][0]
        (state / "sources.list").write_text(
            f"deb [arch={architecture} signed-by={KEYRING}] {mirror()} {RELEASES[self.version]} main\n"
        )
        options = [
            *("-qq", "-y", f"-oDir::State={state}", f"-oDir::State::status={state}/status"),
            *(f"-oDir::Cache={state}", f"-oDir::Etc::sourcelist={state}/sources.list"),
            *("-oDir::Etc::sourceparts=-", "-oDir::Etc::preferencesparts=-", "-oDebug::NoLocking=1"),
            *(f"-oAPT::Architecture={architecture}", f"-oAPT::Architectures={architecture}"),
            *("-oAPT::Sandbox::User=", "-oAPT::Install-Recommends=0", "-oAcquire::Languages=none"),
        ]
        run("apt-get", *options, "update")
        # Wheels are linked against the library of C++.
        run("apt-get", *options, "--download-only", "install", f"python{self.version}", "libstdc++6")
        for package in sorted((state / "archives").glob("*.deb")):
            run("dpkg-deb", "--extract", package, root)
        for name in MERGED:
            if (root / "usr" / name).is_dir() and not (root / name).exists():
                (root / name).symlink_to(f"usr/{name}")
        shutil.rmtree(state)
        (root / "complete").touch()
        return root


def found_here(version: str) -> str | None:
    """Return the path of this machine's own Python of a version, if one runs: in PATH, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    for path in filter(None, candidates):
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def mirror() -> str:
    """Return where this machine gets Debian's packages. Raises NotHereError."""
    said = run("apt-get", "indextargets", "--format", "$(REPO_URI)").split()
    if not said:
        raise NotHereError("needs a list of Debian's packages: apt-get update")
    return said[0]


def uv() -> str:
    """Return the path of the uv of this environment."""
    return str(Path(sys.executable).with_name("uv"))


def run(*command: str | Path, folder: Path | None = None) -> str:
    """Return what a command says. Raises NotHereError, with its last words, where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    environment["DEBIAN_FRONTEND"] = "noninteractive"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        raise NotHereError(f"{Path(command[0]).name} failed: {words[-1][:300]}")
    return done.stdout
