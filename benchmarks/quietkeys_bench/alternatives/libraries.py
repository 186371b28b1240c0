"""Other people's libraries: their environment, made once of pinned versions and hashes, and processes.

The environment is the bench's own, under a hash of `requirements.txt`. Nothing of the project is installed
there, and nothing of it in the project. Concrete ML is part of the project's own environment (its lock).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.processes import ask

HERE: Final = Path(__file__).parent
REQUIREMENTS: Final = HERE / "requirements.txt"
CACHE: Final = Path.home() / ".cache" / "quietkeys"
PYTHON: Final = "python3.11"  # what the requirements are resolved for
_READY: Final = "ready"  # a file in an environment that is whole
_LONGEST_S: Final = 3600.0


def environment_folder() -> Path:
    """Return where the environment of these requirements lies, made or not."""
    return CACHE / f"alternatives-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"


def is_there(folder: Path) -> bool:
    """Return whether an environment is whole."""
    return (folder / _READY).is_file()


def made_environment() -> Path:
    """Return the interpreter of the environment, which is made first if it is not there: about 1 GB.

    Raises DemoFailed where there is no Python 3.11, or packages cannot be installed.
    """
    folder = environment_folder()
    python = folder / "bin" / "python"
    if is_there(folder):
        return python
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which(PYTHON)
    if found is None:
        raise DemoFailed("The other libraries need Python 3.11.", f"Install {PYTHON}.")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    install += ["--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    for command in ([found, "-m", "venv", "--clear", str(folder)], [str(python), *install]):
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=_LONGEST_S).returncode:
            raise DemoFailed("The other libraries could not be installed.", "Is a package index reachable?")
    (folder / _READY).touch()
    return python


@dataclass(frozen=True, slots=True)
class Libraries:
    """Asks processes of the environment whose interpreter this is. Raises ChildFailed if one fails."""

    python: Path

    def redacted(self, messages: Sequence[str], threshold: float) -> Mapping[str, Any]:
        """Return what Presidio makes of messages: `messages` of `spans` and `text`, and `seconds`."""
        asked = {"messages": list(messages), "threshold": threshold}
        answer: Mapping[str, Any] = self._ask("redacted", asked)
        return answer

    def averaged(
        self, updates: Sequence[Sequence[float]], examples: Sequence[int], *, secure: bool
    ) -> Mapping[str, Any]:
        """Return what a round of Flower makes of updates. Raises DemoFailed for one that did not finish."""
        asked = {"updates": updates, "examples": examples, "secure": secure}
        answer: Mapping[str, Any] = self._ask("federated", asked)
        if answer["mean"] is None:
            raise DemoFailed("Flower's round ended without a result.", "Run the bench again.")
        return answer

    def noised(
        self, rows: Sequence[Sequence[float]], sensitivity: float, epsilons: Sequence[float], delta: float
    ) -> list[Mapping[str, Any]]:
        """Return rows with Gaussian noise, for each epsilon: OpenDP's, as dp-accounting says."""
        asked = {"rows": rows, "sensitivity": sensitivity, "epsilons": epsilons, "delta": delta}
        answer: list[Mapping[str, Any]] = self._ask("noised", asked)
        return answer

    def _ask(self, script: str, asked: Mapping[str, object]) -> Any:
        path = HERE / "children" / f"{script}.py"
        return ask([str(path)], json.dumps(asked), _LONGEST_S, executable=self.python)
