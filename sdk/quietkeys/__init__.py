"""The device: suggest, record, sync, forget; the only place with secret keys and plaintext."""

from __future__ import annotations
