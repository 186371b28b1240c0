"""Plots as SVG, without a library: paper with a scale along and one up, on which a bench draws its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 760
HEIGHT: Final = 440
LEFT: Final = 70
RIGHT: Final = 150  # room for what is written beside the last point
BOTTOM: Final = 60
TOP: Final = 30
_LEVELS: Final = 8  # about so many lines across


@dataclass(frozen=True, slots=True)
class Axes:
    """Two scales: `marks` along, in rising order, and from `least` to `most` up, with what they count."""

    along: str
    upwards: str
    marks: Sequence[float]
    least: float
    most: float
    logarithmic: bool = False

    def across(self, x: float) -> float:
        """Return how far from the left a value lies."""
        share = self._log_share(x) if self.logarithmic else x / self.marks[-1]
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(self, y: float) -> float:
        """Return how far from the top a value lies."""
        return HEIGHT - BOTTOM - (y - self.least) / (self.most - self.least) * (HEIGHT - BOTTOM - TOP)

    def drawn(self, parts: Sequence[str]) -> str:
        """Return the plot: the paper, and on it the parts."""
        return "\n".join([*self._paper(), *parts, "</svg>"]) + "\n"

    def _log_share(self, x: float) -> float:
        low, high = math.log10(self.marks[0]), math.log10(self.marks[-1])
        return (math.log10(x) - low) / (high - low)

    def _paper(self) -> list[str]:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
            ' font-size="11">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{LEFT}" y="18">{self.upwards}</text>',
            f'<text x="{LEFT}" y="{HEIGHT - 12}">{self.along}</text>',
        ]
        for mark in self.marks:
            place = self.across(mark)
            parts.append(
                f'<line x1="{place:.0f}" x2="{place:.0f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>'
            )
            parts.append(
                f'<text x="{place:.0f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{mark:g}</text>'
            )
        step = max(1, round((self.most - self.least) / _LEVELS))
        for level in range(int(self.least), int(self.most) + 1, step):
            height = self.up(level)
            colour = "#999" if level == 0 else "#eee"
            parts.append(f'<text x="{LEFT - 8}" y="{height + 4:.0f}" text-anchor="end">{level}</text>')
            parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.0f}" y2="{height:.0f}"'
                f' stroke="{colour}"/>'
            )
        return parts
