"""The privacy screen as widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kivy.clock import Clock
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys import Sent
from quietkeys_keyboard.presenters.departures import Page, errands, pages, total
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter, WordRow
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.presenters.words import LEVELS, kept_words, times
from quietkeys_keyboard.views.files import AskText, ShowText
from quietkeys_keyboard.views.parts import Dialog, HistoryRow, Segment, wipe_dialog, withdraw_dialog

WORDS: Final = 12
ERRANDS: Final = 6
LIVE_S: Final = 0.5  # between two looks at what leaves now


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways out of the privacy screen. ask: shows a dialog. teach: shows how a name is learnt.

    The others ask for a file, then use it.
    """

    ask: Callable[[Dialog], None]
    export: Callable[[], None]
    back_up: Callable[[], None]
    restore: Callable[[], None]
    teach: Callable[[], None]


class WordRowView(BoxLayout):
    """A word that is known."""

    text = StringProperty("")
    about = StringProperty("")

    def __init__(self, delete: Callable[[], None], **properties: Any) -> None:
        super().__init__(**properties)
        self.forget = delete


class PrivacyView(BoxLayout):
    """Shows a `PrivacyPresenter`. Event: on_deleted, when a word was, which can be taken back."""

    __events__ = ("on_deleted",)

    private = BooleanProperty(False)
    paused = BooleanProperty(False)
    known = StringProperty("")
    left = StringProperty("")
    besides = StringProperty("")
    bytes_title = StringProperty("")
    bytes_hex = StringProperty("")
    bytes_about = StringProperty("")
    has_bytes = BooleanProperty(False)
    shows_bytes = BooleanProperty(False)
    notice = StringProperty("")
    deleting = StringProperty("")
    fingerprint = StringProperty("")
    key_about = StringProperty("")

    def __init__(
        self,
        presenter: PrivacyPresenter,
        typing: TypingPresenter,
        ways: Ways,
        **properties: Any,
    ) -> None:
        self.presenter, self._typing = presenter, typing
        self._ask, self._ways = ways.ask, ways
        self._page = 0  # from the newest
        self._rows: list[WordRow] = []  # that are shown
        self._sent: tuple[Sent, ...] | None = None  # what is shown
        super().__init__(**properties)
        self.refresh_soon = Clock.create_trigger(self.refresh, 0)
        self._segments = {}
        for level, name in LEVELS.items():
            segment = Segment(text=name)
            segment.bind(on_release=lambda _, level=level: presenter.set_level(level))
            self._segments[level] = segment
            self.ids.levels.add_widget(segment)
        Clock.schedule_interval(self._live, LIVE_S)
        self.ids.search.bind(on_search=lambda _, query: presenter.search(query))

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state = self.presenter
        self.private, self.paused = self._typing.private, state.keyboard.paused
        self.notice = state.notice
        deleted, self.deleting = state.deleting != self.deleting, state.deleting
        for level, segment in self._segments.items():
            segment.chosen = level is state.level
        words, own = state.known()
        text = kept_words(len(self._typing.words.all()))
        self.known = (
            f"{words:,} words and how often you use them, {own:,} of them not in any dictionary. {text}"
        )
        if not words:
            self.known = "Nothing yet. Type something, or let someone type for you."
        self._show_words()
        self._what_left()
        self._key()
        if deleted and self.deleting:
            self.dispatch("on_deleted")

    def on_deleted(self) -> None:
        """See the class."""

    def toggle_private(self) -> None:
        """Switch incognito."""
        self._typing.set_private(not self._typing.private)
        self.refresh()

    def toggle_paused(self) -> None:
        """Pause learning, or go on."""
        self.presenter.set_paused(not self.paused)

    def turn(self, step: int) -> None:
        """Show the bytes of another request."""
        self._page += step
        self._show_bytes()

    def toggle_bytes(self) -> None:
        """Show the bytes themselves, or hide them."""
        self.shows_bytes = not self.shows_bytes
        self._show_bytes()

    def export(self) -> None:
        """Write what is known to a file."""
        self._ways.export()

    def wipe(self) -> None:
        """Ask once more, then wipe."""
        self._ask(wipe_dialog(self.presenter.wipe))

    def withdraw(self) -> None:
        """Ask once more, then take the consent back."""
        self._ask(withdraw_dialog(self.presenter.withdraw))

    def _show_words(self) -> None:
        # Drawn anew where they are others: what the keyboard is at stays there.
        rows = self.presenter.words()[:WORDS]
        if rows == self._rows:
            return
        self._rows = rows
        self.ids.words.clear_widgets()
        for row in rows:
            about = times(row.count) + (", yours" if row.own else "")
            delete = lambda word=row.word: self.presenter.delete(word)  # noqa: E731 - one for each row
            self.ids.words.add_widget(WordRowView(delete, text=row.word, about=about))

    def _live(self, _: float) -> None:
        self.presenter.tick()
        self._what_left()

    def _what_left(self) -> None:
        # Also while something leaves: read anew twice a second, drawn anew where it is another.
        if self.get_parent_window() is None:
            return
        sent = self.presenter.sent()
        if sent == self._sent:
            return
        self._sent = sent
        self.left, self.besides = total(self.presenter.keyboard), self.presenter.besides()
        self.ids.errands.clear_widgets()
        for one in errands(sent)[:ERRANDS]:
            self.ids.errands.add_widget(HistoryRow(text=one.title, about=one.about()))
        self._show_bytes()

    def _show_bytes(self) -> None:
        found = pages(self._sent or ())
        self.has_bytes = bool(found)
        page = found[self._page % len(found)] if found and self.shows_bytes else Page("", (), "")
        self.bytes_title, self.bytes_about = page.title, page.about
        self.bytes_hex = "\n".join(page.lines)

    def _key(self) -> None:
        self.fingerprint, self.key_about = self.presenter.key()

    def rotate(self) -> None:
        """Have the next training make a new key."""
        self.presenter.rotate()

    def back_up(self) -> None:
        """Ask where to, then show the code that opens it."""
        self._ways.back_up()

    def teach(self) -> None:
        """Show how a name is learnt."""
        self._ways.teach()

    def restore(self) -> None:
        """Put a backup in the place of what is here."""
        self._ways.restore()

    def show_code(self, code: str) -> None:
        """Show the recovery code of a backup, once."""
        about = "Write it down. It is stored nowhere, is shown once, and opens this backup."
        self._ask(ShowText("Your recovery code", about, code, "I have written it down"))

    def invite(self) -> None:
        """Let one more device in."""
        self.presenter.invite(self._show_invitation)

    def join(self) -> None:
        """Join the circle of another device."""
        dialog = AskText("Enter what the other device shows", "QKC1-...", self.presenter.join)
        self._ask(dialog)

    def _show_invitation(self, text: str) -> None:
        about = "Enter this on the other device within 15 minutes. Show it to nobody else."
        self._ask(ShowText("Add a device", about, text, "Done"))
