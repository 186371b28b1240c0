"""The application: opens the profile, makes presenters and screens, and carries news between threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.lang import Builder
from kivy.metrics import dp
from kivy.properties import BooleanProperty, ObjectProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.floatlayout import FloatLayout

from quietkeys import Personalizer, Trainer
from quietkeys.demo.text import messages_of_the_demo
from quietkeys.testing import Typist
from quietkeys.testing.typist import draw_hands
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.play import PlayPresenter
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter
from quietkeys_keyboard.presenters.training import STATEMENT, TrainingPresenter
from quietkeys_keyboard.presenters.typing import Message, TypingPresenter
from quietkeys_keyboard.settings import Settings
from quietkeys_keyboard.theme import DARK, LIGHT, WIDE
from quietkeys_keyboard.views.chart import CurveChart, WorthChart
from quietkeys_keyboard.views.emoji_view import EmojiSheet, EmojiView
from quietkeys_keyboard.views.keyboard_view import KeyboardView
from quietkeys_keyboard.views.parts import Dialog, Tab
from quietkeys_keyboard.views.play_view import PlayPanel
from quietkeys_keyboard.views.privacy_view import PrivacyView
from quietkeys_keyboard.views.rich_text import RichText
from quietkeys_keyboard.views.training_view import TrainingView
from quietkeys_keyboard.views.typing_view import TypingView

RATE: Final = 0.08  # of letters wrong, when somebody types for you
SCREENS: Final = (
    ("type", "Type", "keyboard-outline"),
    ("play", "Play", "play"),
    ("train", "Train", "school-outline"),
    ("privacy", "Privacy", "shield-lock-outline"),
)
_REGISTERED: Final = (CurveChart, WorthChart, EmojiSheet, EmojiView, KeyboardView, RichText)  # used in .kv
_WELCOME: Final = (
    (
        "keyboard-outline",
        "What is learned: how often you use which words, and where your fingers land. No text.",
    ),
    (
        "lock-outline",
        "What is sent, if you agree: encrypted counts. The trainer computes on them and cannot read them.",
    ),
    ("delete-outline", "What you decide: see it, pause it, delete it, here and at the trainer, at any time."),
)


class Root(BoxLayout):
    """Navigation and the screen that is shown: side by side where there is room, else one above the other."""

    wide = BooleanProperty(False)

    def __init__(self, show: Callable[[str], None], **properties: Any) -> None:
        super().__init__(orientation="vertical", **properties)
        self.tabs: dict[str, Tab] = {}
        for name, text, icon in SCREENS:
            tab = Tab(text=text, icon=icon)
            tab.bind(on_release=lambda _, name=name: show(name))
            self.tabs[name] = tab
            self.ids.bar.add_widget(tab)
        self.bind(width=self._arrange)
        self._arrange()

    def _arrange(self, *_: object) -> None:
        self.wide = self.width >= dp(WIDE)
        self.orientation = "horizontal" if self.wide else "vertical"
        for tab in self.tabs.values():
            tab.size_hint_y = None if self.wide else 1
            tab.height = dp(72)
        bar = self.ids.bar
        spacers = [child for child in bar.children if child not in self.tabs.values()]
        for spacer in spacers:
            bar.remove_widget(spacer)
        if self.wide:
            bar.add_widget(BoxLayout())


class KeyboardApp(App):
    """folder: of the app's data, with the profile in it. trainer: its address, None for none."""

    title = "quietkeys"
    theme = ObjectProperty(LIGHT, rebind=True)
    dark = BooleanProperty(False)

    def __init__(self, folder: Path, trainer: str | None, seed: int = 0, **opening: Any) -> None:
        super().__init__(kv_file="")
        self.folder, self.seed = folder, seed
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings_kept = Settings.load(folder)
        self.keyboard = Personalizer.open(
            folder / "profile",
            trainer=Trainer(trainer) if trainer else None,
            layout=phone_layout(),
            **opening,
        )
        self.shown = ""
        self.dialog: Dialog | None = None

    def build(self) -> FloatLayout:
        """Make presenters and screens."""
        Builder.load_file(str(Path(__file__).parent / "views" / "quietkeys.kv"))
        self.set_dark(self.settings_kept.dark)
        self.typing = TypingPresenter(self.keyboard, lambda: self._changed("type"), time.monotonic)
        typist = Typist(
            draw_hands(np.random.default_rng(self.seed)),
            RATE,
            np.random.default_rng(self.seed),
            phone_layout(),
        )
        self.play = PlayPresenter(self.typing, typist, lambda: self._changed("play"))
        self.training = TrainingPresenter(self.keyboard, lambda: self._changed("train"), self._post)
        self.privacy = PrivacyPresenter(
            self.keyboard, lambda: self._changed("privacy"), self._post, self.training.clear
        )
        self.typing.messages.append(Message("Hi! Type something; mistakes are welcome.", mine=False))
        self.views: dict[str, Any] = {
            "type": TypingView(self.typing, self.ask),
            "play": PlayPanel(self.play, _prose, self._pick_text),
            "train": TrainingView(self.training, self._ask_consent),
            "privacy": PrivacyView(self.privacy, self.typing, self.ask, self._export, self._back_up),
        }
        self.layers = FloatLayout()
        self.frame = Root(self.show)
        self.layers.add_widget(self.frame)
        self.show("type")
        if not self.settings_kept.introduced:
            self._welcome()
        Window.softinput_mode = "below_target"
        return self.layers

    def show(self, name: str) -> None:
        """Show a screen."""
        if self.play.playing and name != "play":
            self.play.stop()
        self.shown = name
        for other, tab in self.frame.tabs.items():
            tab.chosen = other == name
        body, typing, panel = self.frame.ids.body, self.views["type"], self.views["play"]
        body.clear_widgets()
        above = typing.ids.above
        if panel.parent is not None:
            panel.parent.remove_widget(panel)
        typing.ids.scroll.opacity = 0 if name == "play" else 1
        if name == "play":
            above.add_widget(panel)
        body.add_widget(typing if name == "play" else self.views[name])
        if name in {"type", "play"}:
            typing.listen()
        else:
            typing.ignore()
        if name == "privacy":
            self.privacy.refresh()
        self.views[name].refresh_soon()

    def ask(self, dialog: Dialog) -> None:
        """Show a dialog above everything."""
        self.views["type"].ignore()

        def close() -> None:
            self.layers.remove_widget(dialog)
            self.dialog = None
            if self.shown in {"type", "play"}:
                self.views["type"].listen()

        dialog.close = close
        self.dialog = dialog
        self.layers.add_widget(dialog)

    def set_dark(self, dark: bool) -> None:
        """Choose between the light and the dark look."""
        self.dark = dark
        self.theme = DARK if dark else LIGHT
        Window.clearcolor = self.theme.colour("page")
        self.settings_kept.dark = dark
        self.settings_kept.save(self.folder)

    def on_stop(self) -> None:
        """Let go of the profile."""
        self.keyboard.close()

    def _welcome(self) -> None:
        dialog = Dialog(title="A keyboard that keeps quiet")
        for icon, text in _WELCOME:
            dialog.point(icon, text)

        def done(agrees: bool) -> None:
            if agrees:
                self.keyboard.consent.give(STATEMENT)
            self.settings_kept.introduced = True
            self.settings_kept.save(self.folder)

        dialog.answer("Agree to sending encrypted counts", lambda: done(True))
        dialog.answer("Learn on this device only", lambda: done(False), "page", "text")
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
        views = getattr(self, "views", {})
        if name in views and (self.shown == name or (self.shown == "play" and name == "type")):
            views[name].refresh_soon()

    def _post(self, action: Callable[[], None]) -> None:
        Clock.schedule_once(lambda _: action(), 0)

    def _export(self) -> None:
        self._pick("Export as", lambda path: self.privacy.export(path), save="quietkeys-export.json")

    def _back_up(self) -> None:
        view = self.views["privacy"]
        self._pick(
            "Back up to",
            lambda path: self.privacy.back_up(path, view.show_code),
            save="quietkeys.backup",
        )

    def _pick_text(self, then: Callable[[Path], None]) -> None:
        self._pick("A text file to type", then)

    def _pick(self, title: str, then: Callable[[Path], None], save: str = "") -> None:
        from quietkeys_keyboard.views.files import FileDialog

        self.ask(FileDialog(title, then, save))


def _prose() -> list[str]:
    return [word for sentence in messages_of_the_demo() for word in sentence.split()]
