"""The privacy screen as widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys import Level
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter, hex_lines, when
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.views.files import AskText
from quietkeys_keyboard.views.parts import Dialog, HistoryRow, Segment, Text

WORDS: Final = 12
TRANSFERS: Final = 6
_LEVELS: Final = {Level.OFF: "Off", Level.CAREFUL: "Careful", Level.NORMAL: "Normal", Level.EAGER: "Eager"}


class WordRowView(BoxLayout):
    """A word that is known."""

    text = StringProperty("")
    about = StringProperty("")

    def __init__(self, delete: Callable[[], None], **properties: Any) -> None:
        super().__init__(**properties)
        self.forget = delete


class PrivacyView(BoxLayout):
    """Shows a `PrivacyPresenter`. ask: shows a dialog. export, back_up: ask where to, then do it."""

    private = BooleanProperty(False)
    paused = BooleanProperty(False)
    known = StringProperty("")
    cipher_title = StringProperty("")
    cipher_hex = StringProperty("")
    cipher_entropy = StringProperty("")
    has_cipher = BooleanProperty(False)
    notice = StringProperty("")
    fingerprint = StringProperty("")
    key_about = StringProperty("")

    def __init__(
        self,
        presenter: PrivacyPresenter,
        typing: TypingPresenter,
        ask: Callable[[Dialog], None],
        export: Callable[[], None],
        back_up: Callable[[], None],
        **properties: Any,
    ) -> None:
        self.presenter, self._typing = presenter, typing
        self._ask, self._export, self._back_up = ask, export, back_up
        self._cipher = 0
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        self._segments = {}
        for level, name in _LEVELS.items():
            segment = Segment(text=name)
            segment.bind(on_release=lambda _, level=level: presenter.set_level(level))
            self._segments[level] = segment
            self.ids.levels.add_widget(segment)
        self.ids.search.bind(on_search=lambda _, query: presenter.search(query))

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state = self.presenter
        self.private, self.paused = self._typing.private, state.keyboard.paused
        self.notice = state.notice
        for level, segment in self._segments.items():
            segment.chosen = level is state.level
        words, own = state.known()
        self.known = f"{words:,} words and how often you use them, {own:,} of them not in any dictionary."
        if not words:
            self.known = "Nothing yet. Type something, or let someone type for you."
        self.ids.words.clear_widgets()
        for row in state.words()[:WORDS]:
            about = f"{row.count:.1f} times" + (", yours" if row.own else "")
            delete = lambda word=row.word: state.delete(word)  # noqa: E731 - one for each row
            self.ids.words.add_widget(WordRowView(delete, text=row.word, about=about))
        self._transfers()
        self._show_cipher()
        self._key()

    def toggle_private(self) -> None:
        """Switch incognito."""
        self._typing.set_private(not self._typing.private)
        self.refresh()

    def toggle_paused(self) -> None:
        """Pause learning, or go on."""
        self.presenter.set_paused(not self.paused)

    def turn(self, step: int) -> None:
        """Show another ciphertext."""
        self._cipher += step
        self._show_cipher()

    def export(self) -> None:
        """Write what is known to a file."""
        self._export()

    def wipe(self) -> None:
        """Ask once more, then wipe."""
        dialog = Dialog(
            title="Wipe everything?", text="What was learned, your key and what the trainer has. For good."
        )
        dialog.answer("Wipe everything", self.presenter.wipe, "bad", "on_bad")
        dialog.answer("Keep it", lambda: None, "page", "text")
        self._ask(dialog)

    def withdraw(self) -> None:
        """Ask once more, then take the consent back."""
        text = (
            "Nothing is sent any more, and the trainer is asked to delete its part."
            " What was learned here stays."
        )
        dialog = Dialog(title="Take your consent back?", text=text)
        dialog.answer("Take it back", self.presenter.withdraw)
        dialog.answer("Leave it as it is", lambda: None, "page", "text")
        self._ask(dialog)

    def _transfers(self) -> None:
        self.ids.transfers.clear_widgets()
        lines = self.presenter.transfers()[:TRANSFERS]
        for line in lines:
            self.ids.transfers.add_widget(HistoryRow(text=line.text, about=when(line.time)))
        if not lines:
            self.ids.transfers.add_widget(Text(text="Nothing has left this device.", role="muted"))

    def _show_cipher(self) -> None:
        hidden = [one for one in self.presenter.leaves() if one.hides is not None or "keys" in one.what]
        self.has_cipher = bool(hidden)
        if not hidden:
            looking, none = "Looking at what would leave ...", "No key yet: the first training makes it."
            self.cipher_title = looking if self.presenter.busy else none
            self.cipher_hex = self.cipher_entropy = ""
            return
        one = hidden[self._cipher % len(hidden)]
        self.cipher_title = f"{one.what}, {one.size:,} bytes, {one.when}"
        self.cipher_hex = "\n".join(hex_lines(one.head))
        self.cipher_entropy = f"Looks random: {one.entropy:.2f} of 8 bits a byte."
        if one.hides is not None:
            here = one.hides
            self.cipher_entropy += (
                f" It hides {here.count} counts between {here.lowest} and {here.highest}, {here.not_zero} of"
                f" them not 0, with {here.entropy:.2f} bits each."
            )

    def _key(self) -> None:
        self.fingerprint, self.key_about = self.presenter.key()

    def rotate(self) -> None:
        """Have the next training make a new key."""
        self.presenter.rotate()

    def back_up(self) -> None:
        """Ask where to, then show the code that opens it."""
        self._back_up()

    def show_code(self, code: str) -> None:
        """Show the recovery code of a backup, once."""
        text = f"Write it down. It is stored nowhere and opens this backup:\n\n{code}"
        dialog = Dialog(title="Your recovery code", text=text)
        dialog.answer("I have written it down", lambda: None)
        self._ask(dialog)

    def invite(self) -> None:
        """Let one more device in."""
        self.presenter.invite(self._show_invitation)

    def join(self) -> None:
        """Join the circle of another device."""
        dialog = AskText("Enter what the other device shows", "QKC1-...", self.presenter.join)
        self._ask(dialog)

    def _show_invitation(self, text: str) -> None:
        about = f"Enter this on the other device within 15 minutes. Show it to nobody else.\n\n{text}"
        dialog = Dialog(title="Add a device", text=about)
        dialog.answer("Done", lambda: None)
        self._ask(dialog)
