"""The tour as widgets: a bar above the screens that says what happens there, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.properties import NumericProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.tour import Stage, TourPresenter


class TourBar(BoxLayout):
    """Shows a `TourPresenter`. leave: ends the tour."""

    title = StringProperty("")
    text = StringProperty("")
    share = NumericProperty(0)  # of the meter
    button = StringProperty("")

    def __init__(self, leave: Callable[[], None], **properties: Any) -> None:
        self.leave = leave
        super().__init__(**properties)

    def refresh(self, state: TourPresenter) -> None:
        """Show what the presenter holds now."""
        self.title, self.text, self.share = state.title(), state.text(), state.share()
        self.button = "Try it yourself" if state.stage is Stage.DONE else "Leave the tour"
