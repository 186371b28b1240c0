"""What device and service must agree on: plan, training program, containers, error codes."""

from __future__ import annotations
