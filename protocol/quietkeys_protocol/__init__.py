"""What device and service must agree on: plan, training program, containers, JSON bodies, error codes."""

from __future__ import annotations
