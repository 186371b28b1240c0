"""Small widgets that every screen uses. How they look is in `quietkeys.kv`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.metrics import dp, sp
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.label import Label
from kivy.uix.widget import Widget

from quietkeys_keyboard.views.assets import text_width
from quietkeys_keyboard.views.holding import Hold


class Focusable:
    """What the keyboard can be at; drawn with a ring then."""

    focused = BooleanProperty(False)

    @property
    def is_reachable(self) -> bool:
        """Whether there is something to press."""
        return True

    def press_by_key(self, held: bool) -> None:
        """Do what a tap does; held: what a long press does, where there is one."""
        self.dispatch("on_release")  # type: ignore[attr-defined]

    def arrow(self, way: str) -> bool:
        """Move within it; return whether it does that."""
        return False


class PushButton(Focusable, ButtonBehavior, BoxLayout):
    """A button with words. back, ink: roles of the theme."""

    text = StringProperty("")
    icon = StringProperty("")
    back = StringProperty("accent")
    ink = StringProperty("on_accent")


class IconButton(Focusable, ButtonBehavior, BoxLayout):
    """A button with an icon."""

    icon = StringProperty("check")
    ink = StringProperty("text")


class Segment(Focusable, ButtonBehavior, BoxLayout):
    """One of several choices."""

    text = StringProperty("")
    chosen = BooleanProperty(False)


class Toggle(Focusable, ButtonBehavior, BoxLayout):
    """A switch with what it is for."""

    text = StringProperty("")
    about = StringProperty("")
    icon = StringProperty("check")
    on = BooleanProperty(False)


class Tab(Focusable, ButtonBehavior, BoxLayout):
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


class ChangeRow(BoxLayout):
    """A word that comes out otherwise. show: plays it on the keyboard."""

    text = StringProperty("")
    better = BooleanProperty(False)

    def __init__(self, show: Callable[[], None], **properties: Any) -> None:
        self.show = show
        super().__init__(**properties)


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
    """Asks something; nothing behind it is touched meanwhile.

    It closes by Escape and by a touch outside, as with its last answer; modal: only by an answer.
    """

    title = StringProperty("")
    text = StringProperty("")
    modal = BooleanProperty(False)

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.close: Callable[[], None] = lambda: None
        self._answers: list[PushButton] = []

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
        self._answers.append(button)
        self.ids.buttons.add_widget(button)

    def give(self, text: str) -> None:
        """Give the answer that begins so."""
        next(one for one in self._answers if one.text.startswith(text)).dispatch("on_release")

    def press_first(self) -> bool:
        """Give the first answer, as Enter does, unless it destroys something; return whether it was given."""
        if self._answers and self._answers[0].back != "bad":
            self._answers[0].dispatch("on_release")
            return True
        return False

    def cancel(self) -> None:
        """Close it with its last answer, which changes nothing."""
        if not self.modal and self._answers:
            self._answers[-1].dispatch("on_release")

    def on_touch_down(self, touch: Any) -> bool:
        """Let nothing through; outside of it, close it."""
        if not super().on_touch_down(touch) and not self.ids.card.collide_point(*touch.pos):
            self.cancel()
        return True


class StripButton(Focusable, Widget):
    """One place of the strip. Events: on_choose, on_hold (a long press). type_size: so that it fits."""

    type_size = NumericProperty(16)

    text = StringProperty("")
    literal = BooleanProperty(False)
    best = BooleanProperty(False)
    held = BooleanProperty(False)

    __events__ = ("on_choose", "on_hold")

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self._hold = Hold()
        self.bind(text=self._fit, width=self._fit)

    @property
    def is_reachable(self) -> bool:
        """Whether there is something in it."""
        return bool(self.text)

    def press_by_key(self, held: bool) -> None:
        """Choose it, or open its menu."""
        self.dispatch("on_hold" if held else "on_choose")

    def _fit(self, *_: object) -> None:
        room, wide = self.width - dp(16), text_width(self.text, sp(16))
        self.type_size = max(16.0 * min(room / wide, 1.0), 7.0) if wide and room > 0 else 16.0

    def on_choose(self) -> None:
        """See the class."""

    def on_hold(self) -> None:
        """See the class."""

    def on_touch_down(self, touch: Any) -> bool:
        """Wait whether it becomes a long press."""
        if not self.collide_point(*touch.pos) or not self.text or touch.is_mouse_scrolling:
            return False
        touch.grab(self)
        self.held = True
        self._hold.begin(lambda: self._long(touch))
        return True

    def on_touch_up(self, touch: Any) -> bool:
        """Choose, if it was a tap."""
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self.held = False
        if self._hold.end() and self.collide_point(*touch.pos):
            self.dispatch("on_choose")
        return True

    def _long(self, touch: Any) -> None:
        self.held = False
        touch.ungrab(self)
        self.dispatch("on_hold")


def wipe_dialog(wipe: Callable[[], None]) -> Dialog:
    """Return the question before everything is wiped."""
    dialog = Dialog(
        title="Wipe everything?", text="What was learned, your key and what the trainer has. For good."
    )
    dialog.answer("Wipe everything", wipe, "bad", "on_bad")
    dialog.answer("Keep it", lambda: None, "page", "text")
    return dialog


def withdraw_dialog(withdraw: Callable[[], None]) -> Dialog:
    """Return the question before consent is taken back."""
    text = (
        "Nothing is sent any more, and the trainer is asked to delete its part. What was learned here stays."
    )
    dialog = Dialog(title="Take your consent back?", text=text)
    dialog.answer("Take it back", withdraw)
    dialog.answer("Leave it as it is", lambda: None, "page", "text")
    return dialog
