"""Play: the panel above the keys, and the clock that makes somebody type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, ListProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.play import PlayPresenter, words_of_file
from quietkeys_keyboard.views.parts import Segment

SPEEDS: Final = (6.0, 12.0, 24.0, 60.0)


class PlayPanel(BoxLayout):
    """Shows a `PlayPresenter`. prose: the built-in text. pick_file: asks for a file, then calls back."""

    playing = BooleanProperty(False)
    button = StringProperty("Start")
    words = StringProperty("0")
    right_share = StringProperty("-")
    untouched_share = StringProperty("-")
    about = StringProperty("")
    curve = ListProperty([])

    def __init__(
        self,
        presenter: PlayPresenter,
        prose: Callable[[], list[str]],
        pick_file: Callable[[Callable[[Path], None]], None],
        **properties: Any,
    ) -> None:
        self.presenter = presenter
        super().__init__(**properties)
        self._prose, self._pick_file = prose, pick_file
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
            self.presenter.play(self._prose(), "messages of made-up friends")
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
        self.words = f"{score.words:,}"
        self.right_share = _share(score.right, score.words)
        self.untouched_share = _share(score.untouched, score.words)
        self.curve = list(score.curve)
        self.about = f"Typing {state.title}. The line: words right, of every hundred." if state.title else ""
        for speed, segment in self._segments.items():
            segment.chosen = speed == state.speed

    def _set_speed(self, speed: float) -> None:
        self.presenter.set_speed(speed)
        self.refresh()

    def _play_file(self, path: Path) -> None:
        try:
            words = words_of_file(path)
        except (OSError, ValueError):
            self.about = "That file cannot be read as text."
            return
        self.presenter.play(words, path.name)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
