"""The demo keyboard: a window on what `quietkeys` learns. It imports `quietkeys` and nothing else of ours."""

from __future__ import annotations
