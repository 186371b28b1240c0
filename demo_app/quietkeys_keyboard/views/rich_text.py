"""Text with emoji, an underline and a cursor: the bubbles of the thread and the text field."""

from __future__ import annotations

from typing import Any

from kivy.clock import Clock
from kivy.graphics import Color, Rectangle
from kivy.metrics import dp, sp
from kivy.properties import BooleanProperty, ColorProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.widget import Widget

from quietkeys_keyboard.presenters.flow import Flow, flow
from quietkeys_keyboard.views.assets import emoji, text_texture, text_width
from quietkeys_keyboard.views.holding import Hold

LINE: float = 1.4  # of the size of the type
BLINK_S: float = 0.55


class RichText(Widget):
    """Draws a text from the top left in lines of its width, and grows with it.

    cursor: before which character it blinks, -1 for none. underlined, selected: (start, end) or None.
    on_place: told the character at which the text was touched. on_hold: the one at which it was held or
    touched twice.
    """

    text = StringProperty("")
    hint = StringProperty("")
    cursor = NumericProperty(-1)
    underlined = ObjectProperty(None, allownone=True)
    selected = ObjectProperty(None, allownone=True)
    type_size = NumericProperty(16)
    color = ColorProperty((0, 0, 0, 1))
    hint_color = ColorProperty((0.5, 0.5, 0.5, 1))
    line_color = ColorProperty((0, 0, 1, 1))
    selected_color = ColorProperty((0, 0, 1, 0.3))
    natural = NumericProperty(0)  # the width that the text would take on lines of the given width
    lines = NumericProperty(1)
    blink = BooleanProperty(True)

    __events__ = ("on_place", "on_hold")

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._flow: Flow | None = None
        self._draw = Clock.create_trigger(self.draw, -1)
        for name in (
            "text",
            "hint",
            "cursor",
            "underlined",
            "selected",
            "selected_color",
            "color",
            "size",
            "pos",
            "line_color",
            "type_size",
        ):
            self.fbind(name, self._draw)
        self._blinking: Any = None
        self._caret: Any = None
        self._hold = Hold()

    def on_cursor(self, *_: object) -> None:
        """Blink while there is a cursor."""
        self.blink = True
        if self.cursor >= 0 and self._blinking is None:
            self._blinking = Clock.schedule_interval(self._wink, BLINK_S)
        elif self.cursor < 0 and self._blinking is not None:
            self._blinking.cancel()
            self._blinking = None

    def on_place(self, index: int) -> None:
        """See the class."""

    def on_hold(self, index: int) -> None:
        """See the class."""

    def on_touch_down(self, touch: Any) -> bool:
        """Say at which character it was touched."""
        shown = self.collide_point(*touch.pos) and self.parent.collide_point(*touch.pos)
        if self.cursor < 0 or not shown or self._flow is None or touch.is_mouse_scrolling:
            return bool(super().on_touch_down(touch))
        line = int((self.top - touch.y) / self._line_height())
        index = self._flow.index(touch.x - self.x, max(line, 0))
        if touch.is_double_tap:
            self.dispatch("on_hold", index)
        else:
            self.dispatch("on_place", index)
            self._hold.begin(lambda: self.dispatch("on_hold", index))
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Forget that it was touched."""
        self._hold.end()
        return bool(super().on_touch_up(touch))

    def draw(self, *_: object) -> None:
        """Draw everything anew."""
        size, height = sp(self.type_size), self._line_height()
        shown = self.text or self.hint
        pictures = emoji()
        found = flow(shown, max(self.width, 1), lambda part: text_width(part, size), pictures, size * 1.25)
        self._flow = found if self.text else flow("", 1, lambda _: 0.0, (), 0.0)
        self.lines = found.lines
        self.natural = max((piece.x + piece.width for piece in found.pieces), default=0.0)
        self.canvas.clear()
        colour = tuple(self.color if self.text else self.hint_color)
        with self.canvas:
            if self.selected is not None and self.text:
                self._select(height)
            for piece in found.pieces:
                y = self.top - (piece.line + 1) * height
                if piece.emoji:
                    Color(1, 1, 1, 1)
                    side = size * 1.2
                    Rectangle(
                        texture=pictures[piece.text],
                        pos=(self.x + piece.x, y + (height - side) / 2),
                        size=(side, side),
                    )
                elif not piece.text.isspace():
                    texture = text_texture(piece.text, size, colour)
                    Color(1, 1, 1, 1)
                    Rectangle(
                        texture=texture,
                        pos=(self.x + piece.x, y + (height - texture.height) / 2),
                        size=texture.size,
                    )
            if self.underlined is not None and self.text:
                start, end = self.underlined
                self._underline(start, end, height)
            if self.cursor >= 0:
                x, line = self._flow.place(int(self.cursor))
                self._caret = Color(*self.line_color[:3], 1 if self.blink else 0)
                Rectangle(
                    pos=(self.x + x, self.top - (line + 1) * height + dp(3)), size=(dp(2), height - dp(6))
                )

    def cursor_line(self) -> int:
        """Return the line that the cursor stands on, counted from the top."""
        return 0 if self._flow is None else self._flow.place(max(int(self.cursor), 0))[1]

    def _select(self, height: float) -> None:
        Color(*self.selected_color)
        if self._flow is None:
            return
        (x, line), (end_x, end_line) = (self._flow.place(index) for index in self.selected)
        for row in range(line, end_line + 1):
            left = x if row == line else 0.0
            right = end_x if row == end_line else self.width
            Rectangle(
                pos=(self.x + left, self.top - (row + 1) * height), size=(max(right - left, 0.0), height)
            )

    def _underline(self, start: int, end: int, height: float) -> None:
        Color(*self.line_color)
        if self._flow is None:
            return
        for piece in self._flow.pieces:
            if piece.start < end and start < piece.end:
                y = self.top - (piece.line + 1) * height + dp(1)
                Rectangle(pos=(self.x + piece.x, y), size=(piece.width, dp(2)))

    def _wink(self, _: float) -> None:
        self.blink = not self.blink
        if self._caret is not None:
            self._caret.a = 1 if self.blink else 0

    def _line_height(self) -> float:
        return float(sp(self.type_size) * LINE)
