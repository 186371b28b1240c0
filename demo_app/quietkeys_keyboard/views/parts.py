"""Small widgets that every screen uses. How they look is in `quietkeys.kv`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.clock import Clock
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.label import Label
from kivy.uix.widget import Widget


class PushButton(ButtonBehavior, BoxLayout):
    """A button with words. back, ink: roles of the theme."""

    text = StringProperty("")
    icon = StringProperty("")
    back = StringProperty("accent")
    ink = StringProperty("on_accent")


class IconButton(ButtonBehavior, BoxLayout):
    """A button with an icon."""

    icon = StringProperty("check")
    ink = StringProperty("text")


class Segment(ButtonBehavior, BoxLayout):
    """One of several choices."""

    text = StringProperty("")
    chosen = BooleanProperty(False)


class Toggle(ButtonBehavior, BoxLayout):
    """A switch with what it is for."""

    text = StringProperty("")
    about = StringProperty("")
    icon = StringProperty("check")
    on = BooleanProperty(False)


class Tab(ButtonBehavior, BoxLayout):
    """A way to a screen."""

    text = StringProperty("")
    icon = StringProperty("check")
    chosen = BooleanProperty(False)


class Bubble(Widget):
    """A line of the thread."""

    text = StringProperty("")
    mine = BooleanProperty(True)
    room = NumericProperty(100)


class Text(Label):
    """Words in a colour of the theme."""

    role = StringProperty("text")


class Bullet(BoxLayout):
    """A line with an icon."""

    icon = StringProperty("check")
    text = StringProperty("")


class StepRow(BoxLayout):
    """A step of a sync."""

    state_icon = StringProperty("progress-clock")
    role = StringProperty("muted")
    text = StringProperty("")
    about = StringProperty("")


class HistoryRow(BoxLayout):
    """A line of the ledger, and when it was."""

    text = StringProperty("")
    about = StringProperty("")


class SearchField(BoxLayout):
    """A field to search in. on_search: told what is in it."""

    __events__ = ("on_search",)

    def on_search(self, query: str) -> None:
        """See the class."""


class Dialog(FloatLayout):
    """Asks something; nothing behind it is touched meanwhile."""

    title = StringProperty("")
    text = StringProperty("")

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.close: Callable[[], None] = lambda: None

    def point(self, icon: str, text: str) -> None:
        """Add a line with an icon."""
        self.ids.points.add_widget(Bullet(icon=icon, text=text))

    def answer(
        self,
        text: str,
        action: Callable[[], None],
        back: str = "accent",
        ink: str = "on_accent",
        *,
        stays: bool = False,
    ) -> None:
        """Add a button that closes it and does something; stays: the action closes it, or does not."""
        button = PushButton(text=text, back=back, ink=ink)

        def answered(_: object) -> None:
            if not stays:
                self.close()
            action()

        button.bind(on_release=answered)
        self.ids.buttons.add_widget(button)

    def on_touch_down(self, touch: Any) -> bool:
        """Let nothing through."""
        super().on_touch_down(touch)
        return True


class StripButton(Widget):
    """One place of the strip. Events: on_choose, on_hold (a long press)."""

    text = StringProperty("")
    literal = BooleanProperty(False)
    best = BooleanProperty(False)
    held = BooleanProperty(False)

    __events__ = ("on_choose", "on_hold")

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._holding: Any = None

    def on_choose(self) -> None:
        """See the class."""

    def on_hold(self) -> None:
        """See the class."""

    def on_touch_down(self, touch: Any) -> bool:
        """Wait whether it becomes a long press."""
        if not self.collide_point(*touch.pos) or not self.text:
            return False
        touch.grab(self)
        self.held = True
        self._holding = Clock.schedule_once(lambda _: self._long(touch), 0.5)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Choose, if it was a tap."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self.held = False
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
            if self.collide_point(*touch.pos):
                self.dispatch("on_choose")
        return True

    def _long(self, touch: Any) -> None:
        self._holding = None
        self.held = False
        touch.ungrab(self)
        self.dispatch("on_hold")
