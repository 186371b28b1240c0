"""`python -m quietkeys_ibus`: the same as `quietkeys-ibus`."""

from __future__ import annotations

from quietkeys_ibus.cli import app

if __name__ == "__main__":
    app()
