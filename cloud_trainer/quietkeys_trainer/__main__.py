"""`python -m quietkeys_trainer`: the command line."""

from __future__ import annotations

from quietkeys_trainer.cli.main import app

app()
