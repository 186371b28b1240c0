"""The service: stores encrypted reports, trains on them, and can read none of it."""

from __future__ import annotations
