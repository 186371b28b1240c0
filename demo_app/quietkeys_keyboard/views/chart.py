"""The chart of what updates were worth: for each a line from the accuracy before to that after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kivy.clock import Clock
from kivy.graphics import Color, Ellipse, Line, Rectangle
from kivy.metrics import dp, sp
from kivy.properties import ListProperty, NumericProperty, ObjectProperty
from kivy.uix.widget import Widget

from quietkeys_keyboard.presenters.curve import HIGH, LOW, WINDOW, chance, height
from quietkeys_keyboard.presenters.training import Worth
from quietkeys_keyboard.views.assets import text_texture, text_width

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
                text = worth.text()
                self._text(text, left, y + dp(7), "muted", 12)
            y = self.top - dp(ROW_DP) * (len(shown) + 0.45)
            self._text(f"{low:.1%}", left, y - dp(8), "muted", 11)
            self._text(f"{high:.1%}", right - text_width(f"{high:.1%}", sp(11)), y - dp(8), "muted", 11)

    def _dot(self, x: float, y: float, role: str) -> None:
        side = dp(10)
        Color(*self.theme.colour(role))
        Ellipse(pos=(x - side / 2, y - side / 2), size=(side, side))

    def _text(self, text: str, x: float, y: float, role: str, size: int) -> None:
        room, wide = self.right - x, text_width(text, sp(size))
        texture = text_texture(text, sp(size) * min(room / wide, 1.0), self.theme.colour(role))
        Color(1, 1, 1, 1)
        Rectangle(texture=texture, pos=(x, y), size=texture.size)


class CurveChart(Widget):
    """A `Score` as lines, on a scale that is the same for everybody.

    Each point is of a hundred words. Around the line of this keyboard what may be chance; upright, updates;
    below, how many words.
    """

    theme = ObjectProperty(None)
    score = ObjectProperty(None)
    points = NumericProperty(0)  # of each line; it is drawn anew with another

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._draw = Clock.create_trigger(self.draw, -1)
        for name in ("theme", "points", "size", "pos"):
            self.fbind(name, self._draw)

    def draw(self, *_: object) -> None:
        """Draw it anew."""
        self.canvas.clear()
        if self.theme is None or self.score is None or not self.points:
            return
        with self.canvas:
            self._scale()
            self._band(self.score.kept.shares)
            for words in self.score.updates:
                x = self._x(words / WINDOW - 1.0)
                Color(*self.theme.colour("muted"))
                Line(points=[x, self._y(LOW), x, self._y(HIGH)], width=1, dash_length=4, dash_offset=4)
            for line, role in (
                (self.score.typed, "muted"),
                (self.score.base, "text"),
                (self.score.memory, "good"),
                (self.score.kept, "accent"),
            ):
                self._line(line.shares, role)

    def _scale(self) -> None:
        for share in (LOW, (LOW + HIGH) / 2, HIGH):
            y = self._y(share)
            Color(*self.theme.colour("line"))
            Line(points=[self._left(), y, self.right, y], width=1)
            texture = text_texture(f"{share:.0%}", sp(11), self.theme.colour("muted"))
            Color(1, 1, 1, 1)
            Rectangle(texture=texture, pos=(self.x, y - texture.height / 2), size=texture.size)
        for place in {0, self.points - 1}:
            words = f"{WINDOW * (place + 1):,}" + (" words" if place else "")
            texture = text_texture(words, sp(11), self.theme.colour("muted"))
            x = min(max(self._x(place) - texture.width / 2, self._left()), self.right - texture.width)
            Rectangle(texture=texture, pos=(x, self.y), size=texture.size)

    def _band(self, shares: Sequence[float]) -> None:
        Color(*self.theme.colour("soft"))
        for place, share in enumerate(shares):
            low, high = (self._y(end) for end in chance(share))
            Rectangle(pos=(self._x(place) - dp(4), low), size=(dp(8), max(high - low, 1)))

    def _line(self, shares: Sequence[float], role: str) -> None:
        Color(*self.theme.colour(role))
        points = [end for place, share in enumerate(shares) for end in (self._x(place), self._y(share))]
        if len(shares) > 1:
            Line(points=points, width=dp(1.5))
        for at in range(0, len(points), 2):
            Ellipse(pos=(points[at] - dp(3), points[at + 1] - dp(3)), size=(dp(6), dp(6)))

    def _left(self) -> float:
        return float(self.x + sp(34))

    def _x(self, place: float) -> float:
        steps = max(self.points - 1, 1)
        return float(self._left() + dp(8) + (self.right - self._left() - dp(16)) * max(place, 0.0) / steps)

    def _y(self, share: float) -> float:
        below = sp(22)  # words, along the axis
        return float(self.y + below + (self.height - below - sp(8)) * height(share))


def axis(worths: Sequence[Worth]) -> tuple[float, float]:
    """Return the ends of the axis: around all shares, in whole percent."""
    shares = [share for worth in worths for share in (worth.before, worth.after)]
    low, high = min(shares), max(shares)
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.3, _LEAST_SPAN / 2)
    return (max(int((middle - half) * 100) / 100, 0.0), min(-int(-(middle + half) * 100 - 0.999) / 100, 1.0))
