"""The demo keyboard: a window on what `quietkeys` learns; empty until the app's own release.

It will import `quietkeys` and nothing else of ours.
"""

from __future__ import annotations
