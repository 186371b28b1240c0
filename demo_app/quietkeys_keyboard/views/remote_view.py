"""The screens on the profile that the input method has open, as widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.clipboard import Clipboard
from kivy.metrics import dp
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.input_method import Presence
from quietkeys_keyboard.presenters.remote import INSTALL, NOT_SHOWN, Program, Remote
from quietkeys_keyboard.presenters.remote_privacy import Programs, RemotePrivacy, program_words
from quietkeys_keyboard.presenters.remote_training import RemoteTraining
from quietkeys_keyboard.presenters.training import STATEMENT
from quietkeys_keyboard.presenters.words import LEVELS, size, when
from quietkeys_keyboard.views.files import AskText
from quietkeys_keyboard.views.parts import (
    Dialog,
    HistoryRow,
    Segment,
    StepRow,
    Toggle,
    wipe_dialog,
    withdraw_dialog,
)
from quietkeys_keyboard.views.training_view import ICONS

HISTORY: Final = 6
TICK_S: Final = 0.25
EVERYWHERE: Final = "Corrects as everywhere"

Ask = Callable[[Dialog], None]


class _Rows:
    """Rows in a box, made anew only where they are others, so that what somebody is at stays."""

    def __init__(self, box: Any, make: Callable[..., Any]) -> None:
        self._box, self._make = box, make
        self._shown: list[Any] = []

    def show(self, rows: list[Any]) -> None:
        """Show these rows. Each is what `make` is told."""
        if rows != self._shown:
            self._shown = rows
            self._box.clear_widgets()
            for row in rows:
                self._box.add_widget(self._make(row))


def _line(row: tuple[str, str]) -> HistoryRow:
    return HistoryRow(text=row[0], about=row[1])


class Optional(BoxLayout):
    """A button that is there at times; at others it takes no touch of what has its place then."""

    shown = BooleanProperty(True)

    def on_touch_down(self, touch: Any) -> bool:
        """Let a touch through while it is there."""
        return self.shown and bool(super().on_touch_down(touch))


class AbsentView(BoxLayout):
    """What stands in the place of the screens while they have nothing to show."""

    title = StringProperty("")
    text = StringProperty("")
    command = StringProperty("")  # "" where none helps
    copied = BooleanProperty(False)

    def __init__(self, remote: Remote, **properties: Any) -> None:
        self._remote = remote
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)

    def refresh(self, *_: object) -> None:
        """Show why there is nothing else, and the way out."""
        self.title, self.text = self._remote.sentence()
        self.command = INSTALL if self._remote.presence is Presence.ABSENT else ""
        self.copied = self.copied and bool(self.command)

    def copy(self) -> None:
        """Copy the command."""
        Clipboard.copy(self.command)
        self.copied = True


class RemoteTrainingView(BoxLayout):
    """Shows a `RemoteTraining`. ask: shows a dialog."""

    statement = StringProperty(STATEMENT)
    not_shown = StringProperty(NOT_SHOWN)
    notice = StringProperty("")
    trainer = StringProperty("")
    agreed = BooleanProperty(False)
    syncs = BooleanProperty(False)
    busy = BooleanProperty(False)
    stopping = BooleanProperty(False)
    headline = StringProperty("")
    headline_role = StringProperty("text")
    detail = StringProperty("")
    left = StringProperty("")
    meter = StringProperty("")
    filled = NumericProperty(0)
    version = StringProperty("")
    can_roll_back = BooleanProperty(False)

    def __init__(self, presenter: RemoteTraining, ask: Ask, **properties: Any) -> None:
        self.presenter, self._ask = presenter, ask
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        self._history = _Rows(self.ids.history, _line)
        Clock.schedule_interval(lambda _: presenter.tick(), TICK_S)

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state, remote = self.presenter, self.presenter.remote
        self.notice, self.trainer = remote.notice, remote.text("Trainer")
        self.agreed, self.syncs = remote.is_on("Consent"), remote.is_on("Syncs")
        self.busy, self.stopping = state.busy, state.stopping
        self.headline, self.detail = state.said()
        self.headline_role = "good" if state.applied else "bad" if state.offline else "text"
        self.left = f"Still {state.left()}" if state.left() else ""
        self.filled, self.meter = state.meter()
        self.ids.steps.clear_widgets()
        for line in state.course.steps:
            icon, role = ICONS[line.state]
            about = f"{line.seconds:.1f} s" + (f", {size(line.size)}" if line.size else "")
            self.ids.steps.add_widget(StepRow(state_icon=icon, role=role, text=line.title, about=about))
        version = remote.number("Version")
        self.version = f"Update {version} in use" if version else "No update in use"
        self.can_roll_back = bool(version) and not state.busy
        self._history.show([(one.text, when(one.time)) for one in state.history()[:HISTORY]])

    def start(self) -> None:
        """Train, once there is a trainer and the user has agreed."""
        if self.presenter.needs_trainer():
            self.choose_trainer()
        elif self.presenter.needs_consent():
            self._ask_consent(self.presenter.start)
        else:
            self.presenter.start()

    def agree(self) -> None:
        """Ask the user to agree."""
        self._ask_consent(lambda: None)

    def toggle_syncs(self) -> None:
        """Have it train by itself, or no longer."""
        self.presenter.remote.switch("Syncs", not self.syncs)

    def choose_trainer(self) -> None:
        """Ask for the address of a trainer."""
        dialog = AskText("Which trainer?", "https://...", self.presenter.set_trainer)
        dialog.text = "Its address; nothing for none. Your words stay open meanwhile but for a moment."
        self._ask(dialog)

    def _ask_consent(self, then: Callable[[], None]) -> None:
        dialog = Dialog(title="Send encrypted counts?", text=STATEMENT)

        def agree() -> None:
            self.presenter.agree()
            then()

        if self.trainer:
            dialog.point("send", f"To {self.trainer}")
        dialog.answer("Agree", agree)
        dialog.answer("Not now", lambda: None, "page", "text")
        self._ask(dialog)


class RemotePrivacyView(BoxLayout):
    """Shows a `RemotePrivacy`. ask: shows a dialog."""

    not_shown = StringProperty(NOT_SHOWN)
    notice = StringProperty("")
    private = BooleanProperty(False)
    paused = BooleanProperty(False)
    known = StringProperty("")
    empty = BooleanProperty(True)
    pages = NumericProperty(0)
    agreed = BooleanProperty(False)
    leaving = BooleanProperty(False)

    def __init__(self, presenter: RemotePrivacy, ask: Ask, **properties: Any) -> None:
        self.presenter, self._ask = presenter, ask
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        self._ledger = _Rows(self.ids.ledger, _line)
        self._segments = {}
        for level, name in LEVELS.items():
            segment = Segment(text=name)
            segment.bind(on_release=lambda _, level=level: presenter.remote.switch("Level", level.value))
            self._segments[level.value] = segment
            self.ids.levels.add_widget(segment)

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state, remote = self.presenter, self.presenter.remote
        self.notice, self.known = remote.notice, state.known()
        self.private, self.paused = remote.is_on("Incognito"), remote.is_on("Paused")
        self.agreed, self.leaving = remote.is_on("Consent"), state.busy
        for level, segment in self._segments.items():
            segment.chosen = level == remote.text("Level")
        self.pages, self.empty = state.pages(), not remote.ledger
        self._ledger.show([(line.text, when(line.time)) for line in state.lines()])

    def toggle(self, name: str) -> None:
        """Switch incognito, or pause learning."""
        self.presenter.remote.switch(name, not self.presenter.remote.is_on(name))

    def add(self) -> None:
        """Ask for a word to know."""
        self._ask(AskText("Add a word", "One word", self.presenter.add))

    def forget(self) -> None:
        """Ask for a word to forget."""
        dialog = AskText("Forget a word", "One word, as you write it", self.presenter.forget)
        dialog.text = "It is forgotten for good, with how often you used it."
        self._ask(dialog)

    def wipe(self) -> None:
        """Ask once more, then wipe."""
        self._ask(wipe_dialog(self.presenter.wipe))

    def withdraw(self) -> None:
        """Ask once more, then take the consent back."""
        self._ask(withdraw_dialog(self.presenter.withdraw))


class ProgramRow(BoxLayout):
    """A program that differs."""

    text = StringProperty("")
    about = StringProperty("")

    def __init__(self, change: Callable[[], None], remove: Callable[[], None], **properties: Any) -> None:
        self.change, self.remove = change, remove
        super().__init__(**properties)


class ProgramDialog(Dialog):
    """Asks what happens in a program. then: told it."""

    def __init__(self, program: Program, then: Callable[[Program], None], **properties: Any) -> None:
        super().__init__(title=program.name, **properties)
        self._program = program
        self._learn = Toggle(icon="school-outline", text="Learn from it")
        self._suggest = Toggle(icon="keyboard-outline", text="Suggest in it")
        self._learn.bind(on_release=lambda _: self._choose(learn=not self._program.learn))
        self._suggest.bind(on_release=lambda _: self._choose(suggest=not self._program.suggest))
        for toggle in (self._learn, self._suggest):
            self.ids.points.add_widget(toggle)
        self._segments: dict[str, Segment] = {}
        for row in ({"": EVERYWHERE}, {level.value: name for level, name in LEVELS.items()}):
            levels = BoxLayout(size_hint_y=None, height=dp(44), spacing=dp(4))
            self.ids.points.add_widget(levels)
            for level, name in row.items():
                segment = Segment(text=name)
                segment.bind(on_release=lambda _, level=level: self._choose(level=level))
                self._segments[level] = segment
                levels.add_widget(segment)
        self.answer("Save", lambda: then(self._program))
        self.answer("Cancel", lambda: None, "page", "text")
        self._choose()

    def _choose(self, **chosen: Any) -> None:
        self._program = replace(self._program, **chosen)
        self._learn.on, self._suggest.on = self._program.learn, self._program.suggest
        for level, segment in self._segments.items():
            segment.chosen = level == self._program.level


class ProgramsView(BoxLayout):
    """Shows `Programs`, and how it types in all of them. ask: shows a dialog."""

    notice = StringProperty("")
    none = BooleanProperty(True)
    strip = BooleanProperty(False)
    tab = BooleanProperty(False)
    mark = BooleanProperty(False)

    def __init__(self, presenter: Programs, ask: Ask, **properties: Any) -> None:
        self.presenter, self._ask = presenter, ask
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        self._programs = _Rows(self.ids.programs, self._row)

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        remote = self.presenter.remote
        self.notice, self.none = remote.notice, not remote.programs
        self.strip, self.tab, self.mark = (remote.is_on(name) for name in ("Strip", "Tab", "Mark"))
        self._programs.show(remote.programs)

    def toggle(self, name: str) -> None:
        """Switch something of how it types."""
        self.presenter.remote.switch(name, not self.presenter.remote.is_on(name))

    def add(self) -> None:
        """Ask for a program, then what happens in it."""
        dialog = AskText("Which program?", "such as firefox", lambda name: self.change(Program(name.strip())))
        dialog.text = "By the name of its command. It differs from the moment on in which you save it."
        self._ask(dialog)

    def change(self, program: Program) -> None:
        """Ask what happens in a program."""
        self._ask(ProgramDialog(program, self.presenter.save))

    def _row(self, program: Program) -> ProgramRow:
        return ProgramRow(
            lambda: self.change(program),
            lambda: self.presenter.remove(program.name),
            text=program.name,
            about=program_words(program),
        )
