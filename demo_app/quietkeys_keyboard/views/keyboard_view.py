"""The on-screen keyboard: drawn as one picture, touched as keys, with pop-ups, repeat and long presses."""

from __future__ import annotations

from typing import Any, Final

from kivy.clock import Clock
from kivy.graphics import Color, Line, Rectangle, RoundedRectangle
from kivy.metrics import dp, sp
from kivy.properties import ObjectProperty, OptionProperty, StringProperty
from kivy.uix.widget import Widget

from quietkeys.typing import Shift
from quietkeys_keyboard.presenters.keys import (
    ACCENTS,
    ROW_KEYS,
    Kind,
    Page,
    Placed,
    key_at,
    placed_keys,
    rows_of,
)
from quietkeys_keyboard.views.assets import ICON_FONT, icons, text_texture
from quietkeys_keyboard.views.holding import Hold
from quietkeys_keyboard.views.parts import Focusable

REPEAT_AFTER_S: Final = 0.4
REPEAT_S: Final = 0.03
GAP: Final = 5  # dp between keys
_ICONS: Final = {
    "backspace": "backspace-outline",
    "enter": "send",
    "emoji": "emoticon-outline",
    "search": "magnify",
}
_SHIFTS: Final = {
    Shift.OFF: "apple-keyboard-shift",
    Shift.ON: "apple-keyboard-shift",
    Shift.LOCK: "apple-keyboard-caps",
}


class KeyboardView(Focusable, Widget):
    """Keys of a page. Says what was pressed: a character with its touch in letter keys, or a kind of key.

    Events: on_character(character, touch), on_kind(kind), on_turn(page).
    """

    theme = ObjectProperty(None)
    page = StringProperty(Page.LETTERS.value)
    shift = OptionProperty(Shift.OFF.value, options=[one.value for one in Shift])

    __events__ = ("on_character", "on_kind", "on_turn")

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._down: dict[Any, Placed] = {}  # keys by the touch that holds them
        self._hold = Hold()  # of a key that repeats, or that offers accents
        self._offered: tuple[Any, str, int] | None = None  # the touch, the accents, which of them
        self._at = 0  # the key that arrows have come to
        self._draw = Clock.create_trigger(self.draw, -1)
        for name in ("theme", "page", "shift", "size", "pos", "focused"):
            self.fbind(name, self._draw)

    def on_character(self, character: str, touch: tuple[float, float] | None) -> None:
        """See the class."""

    def on_kind(self, kind: Kind) -> None:
        """See the class."""

    def on_turn(self, page: Page) -> None:
        """See the class."""

    def placed(self) -> list[Placed]:
        """Return the keys of the page."""
        return placed_keys(Page(self.page))

    def middle(self, label: str) -> tuple[float, float]:
        """Return the middle of a key in window coordinates, for tests and for showing what is typed."""
        one = next(one for one in self.placed() if one.key.label == label)
        wide, high = self._unit()
        x = self.x + self._edge() + (one.left + one.key.width / 2) * wide
        return (x, self.top - (one.row + 0.5) * high)

    def on_touch_down(self, touch: Any) -> bool:
        """Hold a key; a key that another finger still holds is pressed first, as fast typists overlap."""
        if not self.collide_point(*touch.pos) or touch.is_mouse_scrolling:
            return False
        for held in list(self._down):
            self._press(held)
        touch.grab(self)
        one = self._key(touch)
        self._down[touch] = one
        touch.ud["quietkeys"] = self._unitary(touch)
        if one.key.kind is Kind.BACKSPACE:
            self.dispatch("on_kind", Kind.BACKSPACE)
            self._hold.begin(self._again, REPEAT_AFTER_S)
        elif one.key.label in ACCENTS:
            self._hold.begin(lambda: self._offer(touch))
        self.draw_held()
        return True

    def on_touch_move(self, touch: Any) -> bool:
        """Choose among the accents that are offered."""
        if self._offered is None or self._offered[0] is not touch:
            return False
        _, accents, _ = self._offered
        left, wide = self._offer_place(self._down[touch], len(accents))
        place = min(max(int((touch.x - left) / wide), 0), len(accents) - 1)
        self._offered = touch, accents, place
        self.draw_held()
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Press the key that was held."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self._press(touch)
        return True

    def press_by_key(self, held: bool) -> None:
        """Press the key that arrows have come to; held: offer no accents, they have keys of their own."""
        one = self.placed()[min(self._at, len(self.placed()) - 1)]
        if one.key.kind is Kind.CHARACTER:
            self.dispatch("on_character", one.key.label, None)
        elif one.key.kind is Kind.PAGE:
            self.dispatch("on_turn", one.key.page)
        else:
            self.dispatch("on_kind", one.key.kind)

    def arrow(self, way: str) -> bool:
        """Go to the next key that way."""
        keys = self.placed()
        here = keys[min(self._at, len(keys) - 1)]
        middle = (here.left + here.right) / 2
        if way in {"left", "right"}:
            self._at = min(max(self._at + (1 if way == "right" else -1), 0), len(keys) - 1)
        else:
            row = here.row + (1 if way == "down" else -1)
            if 0 <= row <= max(one.row for one in keys):
                self._at = keys.index(key_at(keys, middle, row + 0.5))
        self.draw_held()
        return True

    def draw(self, *_: object) -> None:
        """Draw all keys anew."""
        if self.theme is None:
            return
        self.canvas.clear()
        theme, kinds = self.theme, (Kind.CHARACTER, Kind.SPACE)
        with self.canvas:
            Color(*theme.colour("board"))
            Rectangle(pos=self.pos, size=self.size)
            for one in self.placed():
                chosen = one.key.kind is Kind.SHIFT and self.shift != Shift.OFF.value
                enter = one.key.kind is Kind.ENTER
                role = (
                    "accent"
                    if enter
                    else "soft"
                    if chosen
                    else "key"
                    if one.key.kind in kinds
                    else "side_key"
                )
                ink = "on_accent" if enter else "on_soft" if chosen else "text"
                self._key_picture(one, role, ink)
        self.draw_held()

    def draw_held(self) -> None:
        """Draw the keys that are held, and their pop-ups."""
        self.canvas.after.clear()
        if self.theme is None:
            return
        with self.canvas.after:
            if self.focused:
                left, bottom, wide, high = self._box(self.placed()[min(self._at, len(self.placed()) - 1)])
                Color(*self.theme.colour("text"))
                Line(rounded_rectangle=(left, bottom, wide, high, dp(6)), width=dp(2))
            for one in self._down.values():
                self._key_picture(one, "pressed", "text")
                if one.key.kind is Kind.CHARACTER and self._offered is None:
                    self._pop_up(one)
            if self._offered is not None:
                self._offer_picture(*self._offered)

    def _key_picture(self, one: Placed, role: str, ink: str) -> None:
        left, bottom, wide, high = self._box(one)
        Color(*self.theme.colour(role))
        RoundedRectangle(pos=(left, bottom), size=(wide, high), radius=[dp(6)])
        texture = self._label(one, ink)
        Color(1, 1, 1, 1)
        pos = (left + (wide - texture.width) / 2, bottom + (high - texture.height) / 2)
        Rectangle(texture=texture, pos=pos, size=texture.size)

    def _pop_up(self, one: Placed) -> None:
        left, bottom, wide, high = self._box(one)
        side = max(wide, dp(40))
        x = min(max(left + wide / 2 - side / 2, self.x), self.right - side)
        Color(*self.theme.colour("pressed"))
        RoundedRectangle(pos=(x, bottom + high), size=(side, high * 0.95), radius=[dp(8)])
        texture = text_texture(self._cased(one.key.label), sp(26), self.theme.colour("text"))
        Color(1, 1, 1, 1)
        pos = (x + (side - texture.width) / 2, bottom + high + (high * 0.95 - texture.height) / 2)
        Rectangle(texture=texture, pos=pos, size=texture.size)

    def _offer(self, touch: Any) -> None:
        one = self._down.get(touch)
        if one is not None:
            self._offered = touch, ACCENTS[one.key.label], 0
            self.draw_held()

    def _offer_place(self, one: Placed, count: int) -> tuple[float, float]:
        # Left edge and width of each accent that is offered above a key.
        left, _, wide, _ = self._box(one)
        side = min(max(wide, dp(44)), self.width / count)
        return min(max(left + wide / 2 - side / 2, self.x), self.right - side * count), side

    def _offer_picture(self, touch: Any, accents: str, chosen: int) -> None:
        one = self._down[touch]
        _, bottom, _, high = self._box(one)
        left, side = self._offer_place(one, len(accents))
        Color(*self.theme.colour("surface"))
        RoundedRectangle(pos=(left, bottom + high), size=(side * len(accents), high), radius=[dp(8)])
        for place, accent in enumerate(accents):
            if place == chosen:
                Color(*self.theme.colour("pressed"))
                RoundedRectangle(pos=(left + place * side, bottom + high), size=(side, high), radius=[dp(8)])
            texture = text_texture(
                self._cased(accent), self._fitting(21, side, high), self.theme.colour("text")
            )
            Color(1, 1, 1, 1)
            x = left + place * side + (side - texture.width) / 2
            Rectangle(
                texture=texture, pos=(x, bottom + high + (high - texture.height) / 2), size=texture.size
            )

    def _label(self, one: Placed, ink: str) -> Any:
        colour = self.theme.colour(ink)
        key = one.key
        _, _, wide, high = self._box(one)
        if key.kind is Kind.SHIFT:
            icon = icons()[_SHIFTS[Shift(self.shift)]]
            return text_texture(icon, self._fitting(22, wide, high), colour, ICON_FONT)
        if key.label in _ICONS:
            return text_texture(icons()[_ICONS[key.label]], self._fitting(22, wide, high), colour, ICON_FONT)
        if key.kind is Kind.SPACE:
            size = self._fitting(13, wide / 4, high)
            return text_texture("English", size, self.theme.colour("muted"))
        if key.kind is Kind.PAGE:
            return text_texture(key.label, self._fitting(15, wide / 2, high), colour)
        font = "Roboto" if key.label.isascii() else "DejaVuSans"
        return text_texture(self._cased(key.label), self._fitting(21, wide, high), colour, font)

    def _fitting(self, size: int, wide: float, high: float) -> float:
        # As large as people have asked for, and as a key has room.
        return float(min(sp(size), wide * 0.85, high * 0.62))

    def _cased(self, label: str) -> str:
        capital = label.upper()
        return capital if self.shift != Shift.OFF.value and len(capital) == 1 else label

    def _press(self, touch: Any) -> None:
        one = self._down.pop(touch, None)
        offered, self._offered = self._offered, None
        self._hold.end()
        self.draw_held()
        if one is None:
            return
        if offered is not None and offered[0] is touch:
            self.dispatch("on_character", offered[1][offered[2]], None)
        elif one.key.kind is Kind.CHARACTER:
            self.dispatch("on_character", one.key.label, touch.ud["quietkeys"])
        elif one.key.kind is Kind.PAGE:
            self.dispatch("on_turn", one.key.page)
        elif one.key.kind is not Kind.BACKSPACE:
            self.dispatch("on_kind", one.key.kind)

    def _again(self) -> None:
        self.dispatch("on_kind", Kind.BACKSPACE)
        self._hold.begin(self._again, REPEAT_S)

    def _key(self, touch: Any) -> Placed:
        return key_at(self.placed(), *self._unitary(touch))

    def _unitary(self, touch: Any) -> tuple[float, float]:
        # In letter keys from the left and top.
        wide, high = self._unit()
        return ((touch.x - self.x - self._edge()) / wide, (self.top - touch.y) / high)

    def _unit(self) -> tuple[float, float]:
        return ((self.width - 2 * self._edge()) / ROW_KEYS, self.height / rows_of(Page(self.page)))

    def _edge(self) -> float:
        return float(dp(3))

    def _box(self, one: Placed) -> tuple[float, float, float, float]:
        wide, high = self._unit()
        gap = dp(GAP)
        left = self.x + self._edge() + one.left * wide + gap / 2
        return (left, self.top - (one.row + 1) * high + gap / 2, one.key.width * wide - gap, high - gap)
