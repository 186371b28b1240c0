"""Writes the reference of the public API as web pages, from its docstrings: `make docs`.

python tools/api_reference.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pdoc
import pdoc.render

# What an app may build on; every other module may change with any release.
MODULES: Final = ("quietkeys", "quietkeys.layouts", "quietkeys.testing", "quietkeys.remote.http")


def write(folder: Path) -> None:
    """Write the pages; `FOLDER/index.html` is where to begin."""
    pdoc.render.configure(docformat="markdown", show_source=False, search=False)
    pdoc.pdoc(*MODULES, output_directory=folder)


def main(arguments: Sequence[str]) -> int:
    """Write and return 0, or 2 where no folder is named."""
    if len(arguments) != 1:
        print("usage: api_reference.py FOLDER", file=sys.stderr)
        return 2
    write(Path(arguments[0]))
    print(f"{arguments[0]}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
