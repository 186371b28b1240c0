"""`python -m quietkeys_demo` is `quietkeys-keyboard`."""

from __future__ import annotations

from quietkeys_demo.cli import app

app()
