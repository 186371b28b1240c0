"""Choosing a file: to be typed, or to be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.metrics import dp
from kivy.uix.filechooser import FileChooserListView
from kivy.uix.textinput import TextInput

from quietkeys_demo.views.parts import Dialog
from quietkeys_demo.views.rich_text import themed


class FileDialog(Dialog):
    """Asks for a file. save: the name to write to, "" for reading. then: told the path."""

    def __init__(self, title: str, then: Callable[[Path], None], save: str = "", **properties: Any) -> None:
        super().__init__(title=title, **properties)
        self._then = then
        text, page = themed("text"), themed("page")
        self._name = TextInput(
            text=save,
            multiline=False,
            size_hint_y=None,
            height=dp(40),
            foreground_color=text,
            background_color=page,
            cursor_color=text,
        )
        self._chooser = FileChooserListView(path=str(Path.home()), size_hint_y=None, height=dp(220))
        self._chooser.bind(selection=self._select)
        self.ids.points.add_widget(self._chooser)
        self.ids.points.add_widget(self._name)
        self.answer("Save" if save else "Open", self._done)
        self.answer("Cancel", lambda: None, "page", "text")

    def _select(self, _: object, selection: list[str]) -> None:
        if selection:
            self._name.text = Path(selection[0]).name

    def _done(self) -> None:
        if self._name.text.strip():
            self._then(Path(self._chooser.path) / self._name.text.strip())


class AskText(Dialog):
    """Asks for a line of text. then: told it."""

    def __init__(self, title: str, hint: str, then: Callable[[str], None], **properties: Any) -> None:
        super().__init__(title=title, **properties)
        text, page = themed("text"), themed("page")
        field = TextInput(
            hint_text=hint,
            multiline=False,
            size_hint_y=None,
            height=dp(40),
            foreground_color=text,
            background_color=page,
            cursor_color=text,
        )
        self.ids.points.add_widget(field)
        self.answer("Go on", lambda: then(field.text))
        self.answer("Cancel", lambda: None, "page", "text")
