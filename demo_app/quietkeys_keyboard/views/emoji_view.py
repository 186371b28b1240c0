"""The emoji page: one picture of all of them, in a list that scrolls."""

from __future__ import annotations

from typing import Any, Final

from kivy.graphics import Color, Rectangle
from kivy.metrics import dp
from kivy.properties import ObjectProperty
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget

from quietkeys_keyboard.views.assets import emoji

CELL: Final = 50  # dp, at least; a phone shows eight in a row
_SLIP: Final = 12  # dp that a finger may move and still mean the emoji


class EmojiSheet(Widget):
    """All emoji in rows. on_emoji: told which was tapped."""

    __events__ = ("on_emoji",)

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.bind(size=self.draw, pos=self.draw)

    def on_emoji(self, symbol: str) -> None:
        """See the class."""

    def draw(self, *_: object) -> None:
        """Draw them anew."""
        side, columns = self._cells()
        textures = list(emoji().values())
        self.height = side * -(-len(textures) // columns)
        self.canvas.clear()
        with self.canvas:
            Color(1, 1, 1, 1)
            for place, texture in enumerate(textures):
                row, column = divmod(place, columns)
                inner = min(side * 0.72, dp(34))
                x = self.x + column * side + (side - inner) / 2
                y = self.top - (row + 1) * side + (side - inner) / 2
                Rectangle(texture=texture, pos=(x, y), size=(inner, inner))

    def middle(self, symbol: str) -> tuple[float, float]:
        """Return the middle of an emoji, in its own coordinates."""
        side, columns = self._cells()
        row, column = divmod(list(emoji()).index(symbol), columns)
        return (self.x + (column + 0.5) * side, self.top - (row + 0.5) * side)

    def on_touch_up(self, touch: Any) -> bool:
        """Choose the emoji of a tap that did not become a scroll."""
        moved = abs(touch.x - touch.ox) + abs(touch.y - touch.oy)
        if not self.collide_point(*touch.pos) or moved > dp(_SLIP) or touch.ud.get("emoji"):
            return False
        side, columns = self._cells()
        place = int((self.top - touch.y) / side) * columns + int((touch.x - self.x) / side)
        symbols = list(emoji())
        if place < len(symbols):
            touch.ud["emoji"] = True
            self.dispatch("on_emoji", symbols[place])
        return True

    def _cells(self) -> tuple[float, int]:
        columns = max(int(self.width / dp(CELL)), 1)
        return self.width / columns, columns


class EmojiView(ScrollView):
    """The sheet, scrolled up and down."""

    theme = ObjectProperty(None)
