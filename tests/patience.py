"""How long tests wait for what is sure to come: so long that a machine with much else to do is in time."""

from __future__ import annotations

from typing import Final

HANGS_S: Final = 900.0  # what has not come by then never will
