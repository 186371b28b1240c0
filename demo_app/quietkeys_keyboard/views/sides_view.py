"""Both sides as widgets: beside the chat where there is room, else a screen of their own."""

from __future__ import annotations

from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import StringProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.utils import escape_markup

from quietkeys import Sent
from quietkeys_keyboard.presenters.departures import arrived
from quietkeys_keyboard.presenters.sides import SidesPresenter, attempts, shown

LIVE_S: Final = 0.5  # between two looks while it is shown


class SidesPanel(BoxLayout):
    """Shows a `SidesPresenter`, twice a second while it can be seen."""

    counted = StringProperty("")
    words = StringProperty("")
    message = StringProperty("")
    total = StringProperty("")
    title = StringProperty("")
    hex = StringProperty("")
    attempts = StringProperty("")

    def __init__(self, presenter: SidesPresenter, **properties: Any) -> None:
        self.presenter = presenter
        super().__init__(**properties)
        self._newest: Sent | None = None
        self._sent: tuple[Sent, ...] | None = None  # of which the total is shown
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        Clock.schedule_interval(self.refresh, LIVE_S)

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        if self.get_parent_window() is None:
            return
        state = self.presenter
        self.counted = state.counted()
        self.words = "\n".join(f"{word}, {count}" for word, count in state.words())
        self.message = "".join(
            f"[s]{escape_markup(part.text)}[/s] ({part.why}: not learned)"
            if part.why
            else escape_markup(part.text)
            for part in state.parts()
        )
        sent = state.keyboard.sent()
        if sent != self._sent:
            self._sent, self.total = sent, arrived(state.keyboard)
        received = state.received()
        newest = received[0] if received else None
        if newest != self._newest:
            self._newest, self.attempts = newest, ""
            self.title, self.hex = shown(newest) if newest is not None else ("", "")

    def try_to_read(self) -> None:
        """Try to read what is shown, and say what comes of it."""
        if self._newest is not None:
            self.attempts = "\n".join(attempts(self._newest))
