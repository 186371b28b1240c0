"""The training screen as widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, ListProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.privacy import when
from quietkeys_keyboard.presenters.training import STATEMENT, State, TrainingPresenter
from quietkeys_keyboard.views.parts import HistoryRow, StepRow

HISTORY: Final = 8
_ICONS: Final = {
    State.WAITING: ("progress-clock", "muted"),
    State.ACTIVE: ("progress-clock", "accent"),
    State.DONE: ("check-circle", "good"),
    State.FAILED: ("alert-circle-outline", "bad"),
}


class TrainingView(BoxLayout):
    """Shows a `TrainingPresenter`. ask_consent: asks, then calls back if the user agrees."""

    statement = StringProperty(STATEMENT)
    button = StringProperty("Train now")
    busy = BooleanProperty(False)
    headline = StringProperty("Not trained yet")
    headline_role = StringProperty("text")
    detail = StringProperty("")
    version = StringProperty("")
    can_roll_back = BooleanProperty(False)
    worths = ListProperty([])

    def __init__(
        self,
        presenter: TrainingPresenter,
        ask_consent: Callable[[Callable[[], None]], None],
        **properties: Any,
    ) -> None:
        self.presenter = presenter
        super().__init__(**properties)
        self._ask_consent = ask_consent
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        Clock.schedule_interval(lambda _: presenter.tick(), 0.25)

    def start(self) -> None:
        """Train, after the user has agreed."""
        if self.presenter.needs_consent():
            self._ask_consent(self.presenter.start)
        else:
            self.presenter.start()

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state = self.presenter
        self.busy, self.worths = state.busy, list(state.worths)
        self.button = "Training ..." if state.busy else "Train now"
        self.headline = state.headline or "Nothing sent yet"
        self.detail = state.detail
        self.headline_role = "good" if state.applied else "bad" if state.offline else "text"
        self.ids.steps.clear_widgets()
        for line in state.steps:
            icon, role = _ICONS[line.state]
            about = f"{line.seconds:.1f} s" + (f", {_bytes(line.size)}" if line.size else "")
            row = StepRow(state_icon=icon, role=role, text=line.title, about=about)
            self.ids.steps.add_widget(row)
        if not state.busy:
            self._history()

    def _history(self) -> None:
        version = self.presenter.version()
        self.version = f"Update {version} in use" if version else "No update in use"
        self.can_roll_back = bool(version)
        self.ids.history.clear_widgets()
        for line in self.presenter.history()[:HISTORY]:
            self.ids.history.add_widget(HistoryRow(text=line.text, about=when(line.time)))


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size / 1e3:.1f} KB"
