"""Documentation is run, not read: blocks of Python, examples, inline code, lists, the reference, the site."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
