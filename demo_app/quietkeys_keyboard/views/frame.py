"""The frame of a window: ways to its screens, and the one that is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kivy.metrics import dp, sp
from kivy.properties import BooleanProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.theme import WIDE
from quietkeys_keyboard.views.parts import Tab


class Root(BoxLayout):
    """Navigation and the screen that is shown: side by side where there is room, else one above the other.

    screens: of each its name, what it is called and its icon. show: told a name.
    """

    wide = BooleanProperty(False)

    def __init__(
        self, show: Callable[[str], None], screens: Sequence[tuple[str, str, str]], **properties: Any
    ) -> None:
        super().__init__(orientation="vertical", **properties)
        self.tabs: dict[str, Tab] = {}
        for name, text, icon in screens:
            tab = Tab(text=text, icon=icon)
            tab.bind(on_release=lambda _, name=name: show(name))
            self.tabs[name] = tab
            self.ids.bar.add_widget(tab)
        self.bind(width=self._arrange)
        self._arrange()

    def choose(self, name: str) -> None:
        """Mark the way to the screen that is shown."""
        for other, tab in self.tabs.items():
            tab.chosen = other == name

    def _arrange(self, *_: object) -> None:
        self.wide = self.width >= dp(WIDE)
        self.orientation = "horizontal" if self.wide else "vertical"
        for tab in self.tabs.values():
            tab.size_hint_y = None if self.wide else 1
            tab.height = max(dp(72), sp(50))
        bar = self.ids.bar
        spacers = [child for child in bar.children if child not in self.tabs.values()]
        for spacer in spacers:
            bar.remove_widget(spacer)
        if self.wide:
            bar.add_widget(BoxLayout())
