"""`python -m quietkeys` is `quietkeys`."""

from __future__ import annotations

from quietkeys.cli.main import app

app(prog_name="quietkeys")
