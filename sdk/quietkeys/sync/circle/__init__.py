"""Devices of one person that share a key set: how one gets in, what they tell each other, how one gets out.

What they exchange is sealed here, before it reaches the trainer's client, and opened here alone.
"""

from __future__ import annotations

from typing import Final

MEMBERSHIP: Final = "circle/membership"  # the setting with this device's part in a circle
JOINING: Final = "circle/joining"  # the setting with the invitation's text, until this device has joined
LEAVING: Final = "circle/leaving"  # the setting from the wish to leave until the trainer has let go
CIRCLE_SETTINGS: Final = (MEMBERSHIP, JOINING, LEAVING)  # which go with the keys
