"""The training screen as widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, ListProperty, NumericProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.changes import Change
from quietkeys_keyboard.presenters.course import State
from quietkeys_keyboard.presenters.curve import words_right
from quietkeys_keyboard.presenters.own import OwnTyping
from quietkeys_keyboard.presenters.training import STATEMENT, TrainingPresenter
from quietkeys_keyboard.presenters.words import LINES, readiness_words, size, when
from quietkeys_keyboard.views.parts import ChangeRow, HistoryRow, StepRow

HISTORY: Final = 8
ICONS: Final = {
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
    headline = StringProperty("No training yet")
    headline_role = StringProperty("text")
    detail = StringProperty("")
    version = StringProperty("")
    can_roll_back = BooleanProperty(False)
    worths = ListProperty([])
    changed_words = ListProperty([])
    moved = StringProperty("")
    meter = StringProperty("")
    filled = NumericProperty(0)  # of the meter, a share
    left = StringProperty("")
    own_points = NumericProperty(0)
    own_about = StringProperty("")

    def __init__(
        self,
        presenter: TrainingPresenter,
        own: OwnTyping,
        ask_consent: Callable[[Callable[[], None]], None],
        replay: Callable[[Change], None],
        **properties: Any,
    ) -> None:
        self.presenter, self._own = presenter, own
        super().__init__(**properties)
        self._ask_consent, self._replay = ask_consent, replay
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
        self.headline = state.headline or "No training yet"
        self.left = f"Still {state.left()}" if state.left() else ""
        self._measure()
        self.detail = state.detail
        self.headline_role = "good" if state.applied else "bad" if state.offline else "text"
        self.ids.steps.clear_widgets()
        for line in state.steps:
            icon, role = ICONS[line.state]
            about = f"{line.seconds:.1f} s" + (f", {size(line.size)}" if line.size else "")
            row = StepRow(state_icon=icon, role=role, text=line.title, about=about)
            self.ids.steps.add_widget(row)
        self.moved = state.moved
        if self.changed_words != state.changes:
            self._show_changes(state.changes)
        self._own_typing()
        if not state.busy:
            self._history()

    def _own_typing(self) -> None:
        score = self._own.score
        self.ids.own.score, self.own_points = score, len(score.kept.shares)
        self.own_about = f"{words_right(score)} What you send counts as what you meant."
        if self.own_points:
            self.own_about += f" {LINES}"

    def _show_changes(self, changes: list[Change]) -> None:
        self.changed_words = list(changes)
        self.ids.changes.clear_widgets()
        for one in changes:
            text = f"You typed {one.word.typed}. Before: {one.before}. Now: {one.after}."
            show = lambda one=one: self._replay(one)  # noqa: E731 - one for each row
            self.ids.changes.add_widget(ChangeRow(show, text=text, better=one.is_better))

    def _measure(self) -> None:
        ready = self.presenter.readiness()
        self.filled = min(ready.kept_aside / ready.needed, 1.0)
        self.meter = readiness_words(ready.kept_aside, ready.needed, ready.words_left)

    def _history(self) -> None:
        version = self.presenter.version()
        self.version = f"Update {version} in use" if version else "No update in use"
        self.can_roll_back = bool(version)
        self.ids.history.clear_widgets()
        for line in self.presenter.history()[:HISTORY]:
            self.ids.history.add_widget(HistoryRow(text=line.text, about=when(line.time)))
