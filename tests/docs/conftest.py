"""Documentation is run, not read: blocks of Python, examples, the API reference."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
