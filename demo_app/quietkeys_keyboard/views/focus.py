"""Reaching everything without a pointer: Tab, Enter, Escape; and which buttons of a mouse count."""

from __future__ import annotations

import math
from typing import Any, Final

from kivy.core.window import Window
from kivy.metrics import dp
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.scrollview import ScrollView
from kivy.uix.textinput import TextInput
from kivy.uix.widget import Widget

from quietkeys_keyboard.views.parts import Focusable

TAB: Final = 9
ENTER: Final = (13, 271)
ESCAPE: Final = 27
SPACE: Final = 32
_SPECIAL: Final = 256  # from here on keys stand for no character: shift and its like
ARROWS: Final = {273: "up", 274: "down", 275: "right", 276: "left"}


class Layers(FloatLayout):
    """The screen and what lies above it. Only the first button of a mouse presses anything."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.alone: Widget | None = None  # what alone can be pressed, None for everything

    def on_touch_down(self, touch: Any) -> bool:
        """Let the first button and fingers through, and the wheel to what scrolls."""
        if "button" in touch.profile and touch.button in {"right", "middle"}:
            return True
        if self.alone is not None and not self.alone.collide_point(*touch.pos):
            return True
        return bool(super().on_touch_down(touch))


class Focus:
    """What the keyboard of the window is at: nothing, a control, or a field to type in.

    app: has `dialog`, `tour`, `layers`, `frame`, `home` and `show`.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._at: Widget | None = None
        self._spot = (0.0, 0.0)  # in the window, where what it was led away from stood
        self._led = False  # to where it is, by `lead`
        self._behind: list[Widget | None] = []  # dialogs, where it was
        self._by_key = False  # what was done last
        self._taken = False  # the key that was pressed last: what it types is nobody's
        Window.bind(on_key_down=self._key, on_textinput=self._typed, on_touch_down=self._touched)

    def stops(self) -> list[Widget]:
        """Return what can be reached now, in the order of reading."""
        found: list[Widget] = []

        def walk(widget: Widget) -> None:
            if widget.disabled or not widget.opacity or not (widget.width and widget.height):
                return
            reachable = isinstance(widget, TextInput) or (
                isinstance(widget, Focusable) and widget.is_reachable
            )
            if reachable:
                found.append(widget)
            for child in reversed(widget.children):
                walk(child)

        walk(self._app.dialog or (self._app.tour.bar if self._app.tour else self._app.frame))
        return found

    def enter(self) -> None:
        """Be at nothing, as in a dialog that has just opened."""
        self._behind.append(self._at)
        self._mark(None)

    def back(self) -> None:
        """Be where it was before `enter`, if the dialog was left by a key."""
        before = self._behind.pop()
        here = before is not None and before.get_parent_window() is not None
        self._mark(before if here and self._by_key else None)

    def lead(self, widget: Widget) -> None:
        """Go on at another control, if the keyboard is at one; the next Tab comes back to where it was."""
        if isinstance(self._at, Focusable):
            self._mark(widget)
            self._led = True

    def _key(self, _: object, key: int, __: int, ___: str | None, modifiers: list[str]) -> bool:
        self._by_key = True
        at = self._at if self._at is not None and self._at in self.stops() else None
        if at is not None and not self._led:
            self._spot = at.to_window(*at.center)
        control = at if isinstance(at, Focusable) else None
        self._taken = key == SPACE and control is not None
        if key == TAB:
            self._move(at, -1 if "shift" in modifiers else 1)
            return True
        if key == ESCAPE:
            self._leave()
            return True
        if key in ENTER or (key == SPACE and control is not None):
            if control is not None:
                control.press_by_key("shift" in modifiers)
                return True
            return self._app.dialog is not None and self._app.dialog.press_first()
        if control is not None:
            if key in ARROWS:
                return control.arrow(ARROWS[key])
            if key < _SPECIAL and (not modifiers or modifiers == ["shift"]):  # typing goes on
                self._mark(None)
        return False

    def _typed(self, *_: object) -> bool:
        taken, self._taken = self._taken, False
        return taken

    def _move(self, at: Widget | None, step: int) -> None:
        stops = self.stops()
        if not stops:
            return
        if self._at is None:
            place = 0 if step > 0 else -1
        elif at is None or self._led:  # what it was at has gone, or it was led away from there
            place = stops.index(min(stops, key=self._away))
        else:
            place = stops.index(at) + step
        self._mark(stops[place % len(stops)])

    def _away(self, widget: Widget) -> float:
        x, y = widget.to_window(*widget.center)
        return math.dist(self._spot, (x, y))

    def _leave(self) -> None:
        if self._app.dialog is not None:
            self._app.dialog.cancel()
        elif self._at is not None:
            self._mark(None)
        elif self._app.tour is None:
            self._app.show(self._app.home)

    def _touched(self, *_: object) -> None:
        self._by_key = False
        if isinstance(self._at, Focusable):
            self._mark(None)

    def _mark(self, widget: Widget | None) -> None:
        before, self._at, self._led = self._at, widget, False
        if isinstance(before, Focusable):
            before.focused = False
        elif before is not None:
            before.focus = False
        if isinstance(widget, Focusable):
            widget.focused = True
        elif widget is not None:
            widget.focus = True
        parent = widget.parent if widget is not None else None
        while parent is not None and parent is not parent.get_parent_window():
            if isinstance(parent, ScrollView):
                parent.scroll_to(widget, padding=dp(24), animate=False)
                break
            parent = parent.parent
