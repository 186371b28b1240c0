"""The application: opens the profile, makes presenters and screens, and carries news between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.properties import BooleanProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.widget import Widget

from quietkeys import Personalizer, Trainer
from quietkeys.testing import Typist
from quietkeys.testing.typist import draw_hands
from quietkeys_keyboard.presenters.base import BaseKeyboard, left_by_memory
from quietkeys_keyboard.presenters.changes import KEPT, Change, Words
from quietkeys_keyboard.presenters.kept import Kept
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.own import OwnTyping
from quietkeys_keyboard.presenters.play import PlayPresenter
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter
from quietkeys_keyboard.presenters.sides import SidesPresenter
from quietkeys_keyboard.presenters.training import STATEMENT, TrainingPresenter
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.restoring import PROFILE, Restoring
from quietkeys_keyboard.shell import Shell
from quietkeys_keyboard.teaching import Teaching
from quietkeys_keyboard.touring import Tour
from quietkeys_keyboard.views.chart import CurveChart, WorthChart
from quietkeys_keyboard.views.emoji_view import EmojiSheet, EmojiView
from quietkeys_keyboard.views.files import FileDialog
from quietkeys_keyboard.views.frame import Root
from quietkeys_keyboard.views.keyboard_view import KeyboardView
from quietkeys_keyboard.views.parts import Dialog
from quietkeys_keyboard.views.play_view import PlayView
from quietkeys_keyboard.views.privacy_view import PrivacyView, Ways
from quietkeys_keyboard.views.rich_text import RichText
from quietkeys_keyboard.views.sides_view import SidesPanel
from quietkeys_keyboard.views.training_view import TrainingView
from quietkeys_keyboard.views.typing_view import TypingView

_SHARED: Final = ("layout", "bundle", "trusted_keys")  # with the keyboard that knows nobody
REPLAY_S: Final = 0.25  # between two keys of a replay
REPLAYED_S: Final = 2.5  # that it is shown
RATE: Final = 0.08  # of letters wrong, when somebody types for you
SCREENS: Final = (
    ("type", "Type", "keyboard-outline"),
    ("play", "Play", "play"),
    ("sides", "Sides", "eye-outline"),
    ("train", "Train", "school-outline"),
    ("privacy", "Privacy", "shield-lock-outline"),
)
_REGISTERED: Final = (CurveChart, WorthChart, EmojiSheet, EmojiView, KeyboardView, RichText)  # used in .kv
_WELCOME: Final = (
    (
        "keyboard-outline",
        "What is learned: how often you use which words, and where your fingers land. Of text, your last"
        f" {KEPT} words stay, sealed and in no order, to show you what an update changes.",
    ),
    (
        "lock-outline",
        "What is sent, if you agree: encrypted counts. The trainer computes on them and cannot read them.",
    ),
    ("delete-outline", "What you decide: see it, pause it, delete it, here and at the trainer, at any time."),
)


def _mark(play: PlayPresenter, own: OwnTyping) -> None:
    # That an update is in use, in both curves.
    play.score.updated()
    own.score.updated()


def _aside(action: Callable[[], None]) -> None:
    threading.Thread(target=action, name="quietkeys-aside", daemon=True).start()


class KeyboardApp(Shell):
    """folder: of the app's data, with the profile in it. trainer: its address, None for none."""

    home = "type"
    has_trainer = BooleanProperty(False)

    def __init__(self, folder: Path, trainer: str | None, seed: int = 0, **opening: Any) -> None:
        super().__init__(folder)
        self.seed = seed
        self.opening = opening | {"trainer": Trainer(trainer) if trainer else None, "layout": phone_layout()}
        self.keyboard = Personalizer.open(folder / PROFILE, **self.opening)
        self.has_trainer = trainer is not None
        self.tour: Tour | None = None
        self._tours: list[Tour] = []  # that were left

    def build(self) -> FloatLayout:
        """Make presenters and screens."""
        self.prepare("quietkeys.kv")
        self.assemble()
        if not self.settings_kept.introduced:
            self.welcome()
        return self.layers

    def assemble(self, above: Widget | None = None) -> None:
        """Make presenters and screens of the profile that is open. above: what stands above all of them."""
        keyboard, hands = self.keyboard, draw_hands(np.random.default_rng(self.seed))
        self.base = BaseKeyboard(**{name: self.opening[name] for name in _SHARED if name in self.opening})
        words, own = Words(), OwnTyping(keyboard, self.base.leaves, _aside, self.post)
        self.kept = Kept(keyboard, words, own)
        self.kept.recall()
        self.typing = TypingPresenter(
            keyboard, lambda: self._changed("type"), time.monotonic, words, own, self.kept.keep
        )
        typist = Typist(hands, RATE, np.random.default_rng(self.seed), phone_layout())
        played = TypingPresenter(
            keyboard, lambda: self._changed("play"), time.monotonic, words, keep=self.kept.keep
        )
        memory = partial(left_by_memory, keyboard)
        self.play = PlayPresenter(played, typist, lambda: self._changed("play"), self.base.leaves, memory)
        self.training = TrainingPresenter(
            keyboard,
            lambda: self._changed("train"),
            self.post,
            words=words,
            updated=partial(_mark, self.play, own),
        )
        self.privacy = PrivacyPresenter(
            keyboard,
            lambda: self._changed("privacy"),
            self.post,
            self._wiped,
            forgotten=self.kept.without,
            restored=above is None and self.settings_kept.restored,
        )
        ways = Ways(self.ask, self._export, self._back_up, Restoring(self).ask, Teaching(self).ask)
        self.views: dict[str, Any] = {
            "type": TypingView(self.typing, self.ask),
            "play": PlayView(self.play, self._pick_text),
            "sides": SidesPanel(SidesPresenter(keyboard, self.typing)),
            "train": TrainingView(self.training, own, self._ask_consent, self.replay),
            "privacy": PrivacyView(self.privacy, self.typing, ways),
        }
        self.views["type"].bind(on_swipe=lambda _: self.show("sides"))
        self.views["privacy"].bind(on_deleted=lambda view: self.focus.lead(view.ids.undo))
        self.frame = Root(self.show, SCREENS)
        self.frame.bind(wide=self._side)
        self.put(above)

    def put(self, above: Widget | None = None) -> None:
        """Put the screens that are assembled into the window."""
        self.layers.clear_widgets()
        self.layers.alone = above
        column = BoxLayout(orientation="vertical")
        if above is not None:
            column.add_widget(above)
        if self.frame.parent is not None:
            self.frame.parent.remove_widget(self.frame)
        column.add_widget(self.frame)
        self.layers.add_widget(column)
        self.show("type")

    def show(self, name: str) -> None:
        """Show a screen."""
        if self.play.playing and name != "play":
            self.play.stop()
        if self.shown == "privacy":
            self.privacy.finish()
        self.shown = name
        self.frame.choose(name)
        body = self.frame.ids.body
        body.clear_widgets()
        body.add_widget(self.views[name])
        self._side()
        self.listen()
        if name == "privacy":
            self.privacy.refresh()
        self.views[name].refresh_soon()

    def _side(self, *_: object) -> None:
        # Both sides beside the chat, where there is room.
        panel, body = self.views["sides"], self.frame.ids.body
        if self.shown == "sides":
            return
        if panel.parent is not None:
            panel.parent.remove_widget(panel)
        if self.shown in {"type", "play"} and self.frame.wide:
            body.add_widget(panel)

    def listen(self) -> None:
        """Take keys for the message while nothing is above it."""
        if self.shown == "type" and self.dialog is None and self.layers.alone is None:
            self.views["type"].listen()
        else:
            self.views["type"].ignore()

    def on_stop(self) -> None:
        """Take the window away, then let go of the profile, which may have to wait for a request."""
        Window.hide()
        if self.tour is not None:
            self.tour.leave()
        for tour in self._tours:
            tour.wait()
        self.privacy.finish()
        self.base.close()
        self.keyboard.close()

    def _wiped(self) -> None:
        # What was typed and shown goes with what was learnt.
        self.settings_kept.restored = False
        self.settings_kept.save(self.folder)
        self.kept.forget()
        self.play.reset()
        self.typing.forget()
        self.training.clear()

    def replay(self, change: Change, then: Callable[[], None] = lambda: None) -> None:
        """Show a change on the keyboard, at the speed of a person; the draft that was there comes back."""
        self.show("type")
        typing = self.typing
        draft, keys = typing.editor.text, typing.replay(change)

        def press(_: float) -> None:
            if next(keys, self) is not self and self.shown == "type":
                Clock.schedule_once(press, REPLAY_S)
            else:
                keys.close()
                Clock.schedule_once(lambda _: back(), REPLAYED_S)

        def back() -> None:
            typing.editor.clear()
            typing.editor.paste(draft)
            then()

        Clock.schedule_once(press, REPLAYED_S / 2)

    def take_tour(self) -> None:
        """Show what this is for, with the words of somebody made up."""
        trainer = self.opening["trainer"]
        if self.tour is None and trainer is not None:
            self.tour = Tour(self, trainer.url, self._toured)

    def _toured(self) -> None:
        if self.tour is not None:
            self._tours.append(self.tour)
        self.tour = None
        if not self.settings_kept.introduced:
            self.welcome()

    def welcome(self) -> None:
        """Say what this is, and ask for consent."""
        dialog = Dialog(title="A keyboard that keeps quiet", modal=True)
        for icon, text in _WELCOME:
            dialog.point(icon, text)

        def done(agrees: bool) -> None:
            if agrees:
                self.keyboard.consent.give(STATEMENT)
            self.settings_kept.introduced = True
            self.settings_kept.save(self.folder)

        dialog.answer("Agree to sending encrypted counts", lambda: done(True))
        dialog.answer("Learn on this device only", lambda: done(False), "page", "text")
        if self.has_trainer:
            dialog.answer("Show me first", self.take_tour, "page", "text")
        dialog.answer("I have a backup", Restoring(self).ask, "surface", "accent")
        self.ask(dialog)

    def _ask_consent(self, then: Callable[[], None]) -> None:
        dialog = Dialog(title="Send encrypted counts?", text=STATEMENT)

        def agree() -> None:
            self.training.agree()
            then()

        dialog.answer("Agree", agree)
        dialog.answer("Not now", lambda: None, "page", "text")
        self.ask(dialog)

    def _changed(self, name: str) -> None:
        if name == self.shown and name in getattr(self, "views", {}):
            self.views[name].refresh_soon()

    def _export(self) -> None:
        self.pick("Export as", lambda path: self.privacy.export(path), save="quietkeys-export.json")

    def _back_up(self) -> None:
        view = self.views["privacy"]
        self.pick(
            "Back up to",
            lambda path: self.privacy.back_up(path, view.show_code),
            save="quietkeys.backup",
        )

    def _pick_text(self, then: Callable[[Path], None]) -> None:
        self.pick("A text file to type", then)

    def pick(self, title: str, then: Callable[[Path], None], save: str = "") -> None:
        """Ask for a file; save: the name of one to be written."""
        self.ask(FileDialog(title, then, save))

    def reopen(self) -> None:
        """Open the profile anew, whose keyboard was closed."""
        self.views["type"].ignore()
        self.base.close()
        self.keyboard = Personalizer.open(self.folder / PROFILE, **self.opening)
        self.assemble()
