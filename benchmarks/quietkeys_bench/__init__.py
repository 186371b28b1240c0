"""`quietkeys bench`: measurements of gain, cost and agreement, each a JSON with a schema."""

from __future__ import annotations
