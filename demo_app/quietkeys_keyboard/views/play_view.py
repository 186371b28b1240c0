"""Play: the panel above the keys, and the clock that makes somebody type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys.demo.text import messages_of_the_demo
from quietkeys_keyboard.presenters.play import PlayPresenter, messages_of_file
from quietkeys_keyboard.presenters.words import LINES
from quietkeys_keyboard.views.parts import Segment
from quietkeys_keyboard.views.typing_view import TypingView

ABOUT: Final = "{words:,} words of {title}. {lines}"
LEAST_DP: Final = 560  # of height, with keys and the panel
SPEEDS: Final = (6.0, 12.0, 24.0, 60.0)


class PlayView(BoxLayout):
    """The panel above a keyboard that somebody else types on: with a thread and a draft of its own."""

    def __init__(
        self, presenter: PlayPresenter, pick_file: Callable[[Callable[[Path], None]], None], **properties: Any
    ) -> None:
        super().__init__(**properties)
        self.panel = PlayPanel(presenter, pick_file)
        self.typed = TypingView(presenter.typing, lambda _: None, least=LEAST_DP)  # its keys are to be seen
        self.typed.ids.scroll.opacity = 0
        self.typed.ids.above.add_widget(self.panel)
        self.add_widget(self.typed)

    def refresh_soon(self) -> None:
        """Show what the presenters hold now, with the next frame."""
        self.panel.refresh_soon()
        self.typed.refresh_soon()


class PlayPanel(BoxLayout):
    """Shows a `PlayPresenter`. pick_file: asks for a file, then calls back."""

    playing = BooleanProperty(False)
    button = StringProperty("Start")
    kept_share = StringProperty("-")
    memory_share = StringProperty("-")
    base_share = StringProperty("-")
    typed_share = StringProperty("-")
    about = StringProperty("")
    points = NumericProperty(0)

    def __init__(
        self,
        presenter: PlayPresenter,
        pick_file: Callable[[Callable[[Path], None]], None],
        **properties: Any,
    ) -> None:
        self.presenter = presenter
        super().__init__(**properties)
        self._pick_file = pick_file
        self.refresh_soon = Clock.create_trigger(self.refresh, -1)
        self._segments = {}
        for speed in SPEEDS:
            segment = Segment(text=f"{speed:.0f}")
            segment.bind(on_release=lambda _, speed=speed: self._set_speed(speed))
            self._segments[speed] = segment
            self.ids.speeds.add_widget(segment)
        Clock.schedule_interval(lambda seconds: presenter.tick(seconds), 0)
        self.refresh()

    def toggle(self) -> None:
        """Start, stop or go on."""
        if self.presenter.title:
            self.presenter.stop()
        if not self.presenter.playing and not self.presenter.has_more():
            self.presenter.play(messages_of_the_demo(), "messages of made-up friends")
        self.refresh()

    def choose_file(self) -> None:
        """Type a text file of the visitor's."""
        self._pick_file(self._play_file)

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state = self.presenter
        score = state.score
        self.playing = state.playing
        self.button = "Pause" if state.playing else "Go on" if state.has_more() else "Start"
        self.kept_share = _share(score.kept.right, score.words)
        self.memory_share = _share(score.memory.right, score.words)
        self.base_share = _share(score.base.right, score.words)
        self.typed_share = _share(score.typed.right, score.words)
        self.ids.curve.score = score
        self.points = len(score.kept.shares)
        self.about = ""
        if state.title:
            self.about = ABOUT.format(words=score.words, title=state.title, lines=LINES)
        for speed, segment in self._segments.items():
            segment.chosen = speed == state.speed

    def _set_speed(self, speed: float) -> None:
        self.presenter.set_speed(speed)
        self.refresh()

    def _play_file(self, path: Path) -> None:
        try:
            messages = messages_of_file(path)
        except (OSError, ValueError):
            self.about = "That file cannot be read as text."
            return
        self.presenter.play(messages, path.name)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
