"""Compares requirements.lock with what is known of vulnerable packages: `make audit`.

It asks PyPI, by pip-audit. It fails for an advisory that tools/advisories.toml does not accept, or accepted
until a day that has passed, and for a package that could not be asked about: silence is no answer.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
ACCEPTED: Final = ROOT / "tools" / "advisories.toml"
PIP_AUDIT: Final = "pip-audit==2.10.1"
_OPTIONS: Final = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An advisory that does not reach us, until a day on which somebody looks again."""

    id: str
    package: str
    since: datetime.date
    until: datetime.date
    why: str


def accepted(path: Path = ACCEPTED) -> list[Accepted]:
    """Return the advisories that are accepted."""
    return [Accepted(**entry) for entry in tomllib.loads(path.read_text())["accepted"]]


def complaints(found: Any, known: Sequence[Accepted], today: datetime.date) -> Iterator[str]:
    """Yield what is wrong, a line each. found: pip-audit's report."""
    valid = {(one.package, one.id) for one in known if one.until >= today}
    for one in known:
        if one.until < today:
            yield f"{one.package}: {one.id} was accepted until {one.until}: look again ({one.why})"
    for package in found["dependencies"]:
        if "skip_reason" in package:
            yield f"{package['name']}: not asked about: {package['skip_reason']}"
        for advisory in package.get("vulns", ()):
            ids = [advisory["id"], *advisory["aliases"]]
            if not valid & {(package["name"], one) for one in ids}:
                fixed = ", ".join(advisory["fix_versions"]) or "no version"
                yield f"{package['name']} {package['version']}: {' '.join(ids)}, fixed in {fixed}"


def main() -> int:
    """Return 1 where there is something to complain about."""
    command = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--from", PIP_AUDIT, "pip-audit"]
    asked = subprocess.run(
        [*command, *_OPTIONS, "--requirement", str(ROOT / "requirements.lock")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    try:
        found = json.loads(asked.stdout)
    except ValueError:
        print("audit: the database of advisories cannot be reached; try again later", file=sys.stderr)
        return 1
    lines = list(complaints(found, accepted(), datetime.datetime.now(datetime.UTC).date()))
    print("\n".join(lines) or f"{len(found['dependencies'])} packages, nothing that is not accepted")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
