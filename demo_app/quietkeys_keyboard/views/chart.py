"""The chart of what updates were worth: for each a line from the accuracy before to that after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kivy.clock import Clock
from kivy.graphics import Color, Ellipse, Line, Rectangle
from kivy.metrics import dp, sp
from kivy.properties import ListProperty, ObjectProperty
from kivy.uix.widget import Widget

from quietkeys_keyboard.presenters.training import Worth
from quietkeys_keyboard.views.assets import text_texture

ROWS: Final = 5  # updates shown, the newest at the top
ROW_DP: Final = 34
_LEAST_SPAN: Final = 0.02  # of the axis, so that a word more or less does not look like the world


class WorthChart(Widget):
    """worths: of updates, oldest first."""

    theme = ObjectProperty(None)
    worths = ListProperty([])

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._draw = Clock.create_trigger(self.draw, -1)
        for name in ("theme", "worths", "size", "pos"):
            self.fbind(name, self._draw)

    def draw(self, *_: object) -> None:
        """Draw it anew."""
        self.canvas.clear()
        shown: Sequence[Worth] = self.worths[-ROWS:][::-1]
        if self.theme is None or not shown:
            return
        low, high = axis(shown)
        left, right = self.x + dp(8), self.right - dp(8)

        def x_of(share: float) -> float:
            return float(left + (right - left) * (share - low) / (high - low))

        with self.canvas:
            for row, worth in enumerate(shown):
                y = self.top - dp(ROW_DP) * (row + 0.75)
                Color(*self.theme.colour("line"))
                Line(points=[left, y, right, y], width=1)
                better = worth.after >= worth.before
                role = "good" if better else "bad"
                Color(*self.theme.colour(role))
                Line(points=[x_of(worth.before), y, x_of(worth.after), y], width=dp(2))
                self._dot(x_of(worth.before), y, "muted")
                self._dot(x_of(worth.after), y, role)
                text = f"{worth.before:.1%} to {worth.after:.1%} of {worth.events} words kept aside"
                self._text(text, left, y + dp(7), "muted", 12)
            y = self.top - dp(ROW_DP) * (len(shown) + 0.45)
            self._text(f"{low:.1%}", left, y - dp(8), "muted", 11)
            self._text(f"{high:.1%}", right - dp(36), y - dp(8), "muted", 11)

    def _dot(self, x: float, y: float, role: str) -> None:
        side = dp(10)
        Color(*self.theme.colour(role))
        Ellipse(pos=(x - side / 2, y - side / 2), size=(side, side))

    def _text(self, text: str, x: float, y: float, role: str, size: int) -> None:
        texture = text_texture(text, sp(size), self.theme.colour(role))
        Color(1, 1, 1, 1)
        Rectangle(texture=texture, pos=(x, y), size=texture.size)


class CurveChart(Widget):
    """Shares as a line, oldest first, from the lowest to the highest of them."""

    theme = ObjectProperty(None)
    shares = ListProperty([])

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._draw = Clock.create_trigger(self.draw, -1)
        for name in ("theme", "shares", "size", "pos"):
            self.fbind(name, self._draw)

    def draw(self, *_: object) -> None:
        """Draw it anew."""
        self.canvas.clear()
        if self.theme is None or len(self.shares) < 2:
            return
        low, high = min(self.shares), max(max(self.shares), min(self.shares) + _LEAST_SPAN)
        step = (self.width - dp(8)) / (len(self.shares) - 1)
        points: list[float] = []
        for place, share in enumerate(self.shares):
            height = (self.height - dp(8)) * (share - low) / (high - low)
            points += [self.x + dp(4) + place * step, self.y + dp(4) + height]
        with self.canvas:
            Color(*self.theme.colour("accent"))
            Line(points=points, width=dp(1.5))


def axis(worths: Sequence[Worth]) -> tuple[float, float]:
    """Return the ends of the axis: around all shares, in whole percent."""
    shares = [share for worth in worths for share in (worth.before, worth.after)]
    low, high = min(shares), max(shares)
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.3, _LEAST_SPAN / 2)
    return (max(int((middle - half) * 100) / 100, 0.0), min(-int(-(middle + half) * 100 - 0.999) / 100, 1.0))
