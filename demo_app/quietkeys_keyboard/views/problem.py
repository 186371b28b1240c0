"""A small window with a sentence: why the application cannot start, where no terminal says it."""

from __future__ import annotations

from quietkeys_keyboard.theme import LIGHT
from quietkeys_keyboard.window import configure


def show(sentence: str) -> None:
    """Show a sentence until the window is closed, or a key or a button pressed."""
    configure("420x220")
    from kivy.app import App
    from kivy.core.window import Window
    from kivy.metrics import dp, sp
    from kivy.uix.boxlayout import BoxLayout
    from kivy.uix.button import Button
    from kivy.uix.label import Label

    class Problem(App):
        title = "quietkeys"

        def build(self) -> BoxLayout:
            Window.clearcolor = LIGHT.colour("surface")
            box = BoxLayout(orientation="vertical", padding=dp(24), spacing=dp(16))
            label = Label(text=sentence, color=LIGHT.colour("text"), font_size=sp(15))
            label.bind(size=lambda one, size: setattr(one, "text_size", size))
            button = Button(text="Close", size_hint_y=None, height=dp(48), font_size=sp(15))
            button.bind(on_release=lambda _: self.stop())
            Window.bind(on_key_down=lambda *_: self.stop())
            box.add_widget(label)
            box.add_widget(button)
            return box

    Problem().run()
