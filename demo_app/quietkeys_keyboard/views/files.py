"""Dialogs that ask for a file or for a line of text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.core.clipboard import Clipboard
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.files import Entry, FilesPresenter
from quietkeys_keyboard.views.parts import Dialog, Focusable, PushButton, Text
from quietkeys_keyboard.views.qr_picture import QrPicture


class EntryRow(Focusable, ButtonBehavior, BoxLayout):
    """A folder or a file to choose."""

    text = StringProperty("")
    is_folder = BooleanProperty(False)
    chosen = BooleanProperty(False)


class FileBrowser(BoxLayout):
    """A folder, what is in it, and the name that was chosen or entered."""

    folder = StringProperty("")
    name = StringProperty("")
    hint = StringProperty("")
    problem = StringProperty("")


class LineField(BoxLayout):
    """A line to type in."""

    text = StringProperty("")
    hint = StringProperty("")


class Shown(Text):
    """A text in letters of one width."""


class FileDialog(Dialog):
    """Asks for a file. save: the name to write to, "" for reading. then: told the path."""

    def __init__(self, title: str, then: Callable[[Path], None], save: str = "", **properties: Any) -> None:
        super().__init__(title=title, **properties)
        self._then = then
        self.presenter = FilesPresenter(Path.home(), bool(save), self._refresh, save)
        self._browser = FileBrowser()
        self._browser.ids.up.bind(on_release=lambda _: self.presenter.up())
        self.ids.points.add_widget(self._browser)
        self.answer("Save" if save else "Open", self._done, stays=True)
        self.answer("Cancel", lambda: None, "page", "text")
        self._refresh()

    def _refresh(self) -> None:
        state, browser = self.presenter, self._browser
        browser.folder, browser.name = state.title(), state.name
        entries = browser.ids.entries
        entries.clear_widgets()
        for entry in state.entries():
            row = EntryRow(text=entry.name, is_folder=entry.is_folder, chosen=entry.name == state.name)
            row.bind(on_release=lambda _, entry=entry: self._open(entry))
            entries.add_widget(row)
        browser.hint, browser.problem = state.hint(), state.problem

    def _open(self, entry: Entry) -> None:
        self.presenter.name = self._browser.name
        self.presenter.open(entry)

    def _done(self) -> None:
        self.presenter.name = self._browser.name
        path = self.presenter.chosen()
        if path is not None:
            self.close()
            self._then(path)


class AskText(Dialog):
    """Asks for a line of text. then: told it."""

    def __init__(self, title: str, hint: str, then: Callable[[str], None], **properties: Any) -> None:
        super().__init__(title=title, **properties)
        field = LineField(hint=hint)
        self.ids.points.add_widget(field)
        self.answer("Go on", lambda: then(field.text))
        self.answer("Cancel", lambda: None, "page", "text")


class ShowText(Dialog):
    """Shows a text to be taken elsewhere: to read, to copy, and to be read by another device's camera."""

    def __init__(self, title: str, about: str, text: str, done: str, **properties: Any) -> None:
        super().__init__(title=title, text=about, modal=True, **properties)
        self.ids.points.add_widget(QrPicture(text=text))
        self.ids.points.add_widget(Shown(text=text))
        copy = PushButton(text="Copy", icon="content-copy", back="page", ink="text")

        def copied(_: object) -> None:
            Clipboard.copy(text)
            copy.text = "Copied"

        copy.bind(on_release=copied)
        self.ids.points.add_widget(copy)
        self.answer(done, lambda: None)
