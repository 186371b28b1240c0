"""The emoji page: one picture of all of them, in a list that scrolls."""

from __future__ import annotations

from typing import Any, Final

from kivy.graphics import Color, Line, Rectangle
from kivy.metrics import dp
from kivy.properties import ObjectProperty
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget

from quietkeys_keyboard.presenters.emoji import groups
from quietkeys_keyboard.views.assets import emoji
from quietkeys_keyboard.views.parts import Focusable

CELL: Final = 50  # dp, at least; a phone shows eight in a row
_SLIP: Final = 12  # dp that a finger may move and still mean the emoji


class EmojiSheet(Focusable, Widget):
    """All emoji in rows. on_emoji: told which was tapped."""

    theme = ObjectProperty(None)

    __events__ = ("on_emoji",)

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._at = 0  # the emoji that arrows have come to
        self.bind(size=self.draw, pos=self.draw, focused=self.draw)

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
                if self.focused and place == self._at:
                    Color(*self.theme.colour("text"))
                    Line(
                        rounded_rectangle=(x - dp(3), y - dp(3), inner + dp(6), inner + dp(6), dp(6)),
                        width=dp(2),
                    )
                    Color(1, 1, 1, 1)

    def begins(self, group: str) -> float:
        """Return how far below the top the first row with a group's emoji lies."""
        side, columns = self._cells()
        place = 0
        for name, symbols in groups().items():
            if name == group:
                break
            place += len(symbols)
        return side * (place // columns)

    @property
    def is_reachable(self) -> bool:
        """Whether its page is shown."""
        return bool(self.parent and self.parent.height)

    def press_by_key(self, held: bool) -> None:
        """Choose the emoji that arrows have come to."""
        self.dispatch("on_emoji", list(emoji())[self._at])

    def arrow(self, way: str) -> bool:
        """Go to the next emoji that way, and show it."""
        side, columns = self._cells()
        step = {"left": -1, "right": 1, "up": -columns, "down": columns}[way]
        self._at = min(max(self._at + step, 0), len(emoji()) - 1)
        hidden = max(self.height - self.parent.height, 1.0)
        self.parent.scroll_y = 1.0 - min(max(side * (self._at // columns - 1), 0.0) / hidden, 1.0)
        self.draw()
        return True

    def middle(self, symbol: str) -> tuple[float, float]:
        """Return the middle of an emoji, in its own coordinates."""
        side, columns = self._cells()
        row, column = divmod(list(emoji()).index(symbol), columns)
        return (self.x + (column + 0.5) * side, self.top - (row + 0.5) * side)

    def on_touch_up(self, touch: Any) -> bool:
        """Choose the emoji of a tap that did not become a scroll."""
        moved = abs(touch.x - touch.ox) + abs(touch.y - touch.oy)
        if (
            not self.collide_point(*touch.pos)
            or touch.is_mouse_scrolling
            or moved > dp(_SLIP)
            or touch.ud.get("emoji")
        ):
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
