"""`python -m quietkeys_keyboard` is `quietkeys-keyboard`."""

from __future__ import annotations

from quietkeys_keyboard.cli import main

main()
