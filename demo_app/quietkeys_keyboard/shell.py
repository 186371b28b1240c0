"""What every window of ours is: a look, light or dark, layers with dialogs, and a thread that draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.lang import Builder
from kivy.properties import BooleanProperty, ObjectProperty

from quietkeys_keyboard.settings import Settings
from quietkeys_keyboard.theme import DARK, LIGHT
from quietkeys_keyboard.views.focus import Focus, Layers
from quietkeys_keyboard.views.parts import Dialog

_RULES: Final = Path(__file__).parent / "views"


class Shell(App):
    """folder: of what the window remembers. home: the screen that Escape goes back to."""

    title = "quietkeys"
    home = ""
    theme = ObjectProperty(LIGHT, rebind=True)
    dark = BooleanProperty(False)

    def __init__(self, folder: Path) -> None:
        super().__init__(kv_file="")
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings_kept = Settings.load(folder)
        self.shown = ""
        self.dialog: Dialog | None = None

    def prepare(self, *rules: str) -> None:
        """Make what screens stand on. rules: files of Kivy's, in the folder of the views."""
        for name in rules:
            Builder.load_file(str(_RULES / name))
        self.set_dark(self.settings_kept.dark)
        self.layers = Layers()
        self.focus = Focus(self)
        Window.softinput_mode = "below_target"

    def ask(self, dialog: Dialog) -> None:
        """Show a dialog above everything."""
        if self.dialog is not None:
            self.dialog.close()

        def close() -> None:
            if self.dialog is not dialog:
                return
            self.layers.remove_widget(dialog)
            self.dialog = None
            self.focus.back()
            self.listen()

        dialog.close = close
        self.dialog = dialog
        self.listen()
        self.focus.enter()
        self.layers.add_widget(dialog)

    def listen(self) -> None:
        """Take keys of the window for a text, or not: as is shown now."""

    def set_dark(self, dark: bool) -> None:
        """Choose between the light and the dark look."""
        self.dark = dark
        self.theme = DARK if dark else LIGHT
        Window.clearcolor = self.theme.colour("page")
        self.settings_kept.dark = dark
        self.settings_kept.save(self.folder)

    def come_to_front(self) -> None:
        """Show the window above others; from any thread."""

        def come() -> None:
            Window.show()
            Window.restore()
            Window.raise_window()

        self.post(come)

    def post(self, action: Callable[[], None]) -> None:
        """Do something on the thread of the screens; from any thread."""
        Clock.schedule_once(lambda _: action(), 0)
