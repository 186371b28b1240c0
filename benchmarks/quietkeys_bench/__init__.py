"""`quietkeys bench`: measurements of gain, cost and agreement, each a JSON with a schema.

A folder a bench: `bench` measures and writes, `command` is what is typed and what it prints, a `child` is a
process of its own that is measured. No bench knows another; what two of them share lies in `common`.
"""

from __future__ import annotations
