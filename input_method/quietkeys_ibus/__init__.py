"""quietkeys as an input method of the Linux desktop: an IBus engine over the SDK.

May import `quietkeys` and PyGObject. What keys and reports of a text mean is in `conversation`, which tests
drive without a desktop; PyGObject is known to those modules alone that a process of the desktop needs.
"""

from __future__ import annotations
