"""A QR code as a widget: dark on light in both looks, as cameras expect."""

from __future__ import annotations

from typing import Any, Final

from kivy.graphics import Color, Rectangle
from kivy.metrics import dp
from kivy.properties import StringProperty
from kivy.uix.widget import Widget

from quietkeys_keyboard.presenters.qr import qr_code

_QUIET: Final = 4  # modules around it
_MODULE_DP: Final = 4


class QrPicture(Widget):
    """text: what it says; nothing is drawn for "" or what is too long."""

    text = StringProperty("")

    def __init__(self, **properties: Any) -> None:
        super().__init__(size_hint_y=None, **properties)
        self.bind(pos=self.draw, width=self.draw, text=self.draw)
        self.draw()

    def draw(self, *_: object) -> None:
        """Draw it anew."""
        self.canvas.clear()
        try:
            grid = qr_code(self.text) if self.text else []
        except ValueError:
            grid = []
        if not grid:
            self.height = 0.0
            return
        side = len(grid) + 2 * _QUIET
        module = float(max(int(min(dp(_MODULE_DP), self.width / side)), 1))
        self.height = module * side
        left = self.center_x - self.height / 2
        with self.canvas:
            Color(1, 1, 1, 1)
            Rectangle(pos=(left, self.y), size=(self.height, self.height))
            Color(0, 0, 0, 1)
            for row, line in enumerate(grid):
                for column, dark in enumerate(line):
                    if dark:
                        x = left + (column + _QUIET) * module
                        y = self.y + self.height - (row + _QUIET + 1) * module
                        Rectangle(pos=(x, y), size=(module, module))
