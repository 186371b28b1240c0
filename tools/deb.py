"""Builds a Debian package of the input method: `python tools/deb.py FOLDER`.

Debian has IBus, its introspection and PyGObject; it has no ONNX Runtime, and older versions of the rest. So
the package brings the base install along, below one folder, for the system's own Python, and puts nothing on
the path of other programs. Files that it needs are found beside `engine`, wherever that lies.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys_ibus.component import component
from tools.wheels import base_install, built, copy_distribution

HOME: Final = Path("usr/lib/quietkeys")
NEEDS: Final = ("python3-gi", "ibus (>= 1.5.27)", "gir1.2-ibus-1.0")
LEFT_OUT: Final = ("quietkeys_bench", "quietkeys_keyboard", "quietkeys_trainer")
_CONTROL: Final = """Package: quietkeys-ibus
Version: {version}
Section: utils
Priority: optional
Architecture: {architecture}
Depends: {needs}
Installed-Size: {size}
Maintainer: quietkeys contributors <quietkeys@example.org>
Description: input method that corrects, completes and learns on this device
 quietkeys is an engine for IBus. It learns from counts that stay on the device, or
 that leave it encrypted for a trainer that cannot read them, if its user agrees.
"""
# Of the user's own packages none is looked at, and of this folder's none by other programs.
_ENGINE: Final = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export PYTHONPATH="$here/packages" PYTHONNOUSERSITE=1
exec /usr/bin/python3 -P -m {module} "$@"
"""


def main(folder: Path) -> Path:
    """Write the package into a folder; return it."""
    with tempfile.TemporaryDirectory() as drafts:
        tree = Path(drafts) / "tree"
        packages = tree / HOME / "packages"
        packages.mkdir(parents=True)
        for name in sorted(base_install()):
            copy_distribution(name, packages)
        _install_ours(Path(drafts), packages)
        _scripts(tree)
        size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
        architecture = _said("dpkg", "--print-architecture")
        control = tree / "DEBIAN/control"
        control.parent.mkdir()
        control.write_text(
            _CONTROL.format(
                version=version("quietkeys"), architecture=architecture, needs=", ".join(needs()), size=size
            )
        )
        folder.mkdir(parents=True, exist_ok=True)
        built = folder / f"quietkeys-ibus_{version('quietkeys')}_{architecture}.deb"
        _said("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z3", str(tree), str(built))
        return built


def needs() -> list[str]:
    """Return what the package depends on: Debian's, and the Python that compiled modules are built for."""
    major, minor = sys.version_info[:2]
    return [*NEEDS, f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{minor + 1})"]


def _install_ours(drafts: Path, packages: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    install = [
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(packages),
        str(built(drafts)),
    ]
    subprocess.run([*pip, *install, str(built(drafts))], check=True)
    for name in (*LEFT_OUT, "bin"):
        shutil.rmtree(packages / name)


def _scripts(tree: Path) -> None:
    for name, module in _commands():
        script = tree / HOME / name
        script.write_text(_ENGINE.format(module=module))
        script.chmod(0o755)
    command = tree / "usr/bin/quietkeys-ibus"
    command.parent.mkdir(parents=True)
    command.symlink_to("../lib/quietkeys/quietkeys-ibus")
    file = tree / "usr/share/ibus/component/quietkeys.xml"
    file.parent.mkdir(parents=True)
    file.write_text(component([f"/{HOME}/engine"]))


def _commands() -> Iterator[tuple[str, str]]:
    yield "engine", "quietkeys_ibus.watch"
    yield "quietkeys-ibus", "quietkeys_ibus"


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: deb.py FOLDER")
    print(main(Path(sys.argv[1])))
