"""`DeskApp`: the screens of the input method, on the profile that it goes on to type with."""

from __future__ import annotations

from typing import Any, Final

from kivy.clock import Clock
from kivy.uix.floatlayout import FloatLayout

from quietkeys_keyboard.input_method import InputMethod, Presence
from quietkeys_keyboard.presenters.remote import Remote
from quietkeys_keyboard.presenters.remote_privacy import Programs, RemotePrivacy
from quietkeys_keyboard.presenters.remote_training import RemoteTraining
from quietkeys_keyboard.shell import Shell
from quietkeys_keyboard.views.frame import Root
from quietkeys_keyboard.views.remote_view import (
    TICK_S,
    AbsentView,
    ProgramsView,
    RemotePrivacyView,
    RemoteTrainingView,
)

SCREENS: Final = (
    ("train", "Train", "school-outline"),
    ("privacy", "Privacy", "shield-lock-outline"),
    ("programs", "Programs", "tune-variant"),
)


class DeskApp(Shell):
    """folder: of what the window remembers; the profile is the input method's."""

    title = "quietkeys: input method"
    home = "train"
    tour = None  # there is none here

    def build(self) -> FloatLayout:
        """Make presenters and screens, and follow the input method."""
        self.prepare("quietkeys.kv", "remote.kv")
        self.method = InputMethod(self.post)
        self.remote = Remote(self.method, self._changed)
        self.training, self.privacy = RemoteTraining(self.remote), RemotePrivacy(self.remote)
        self.views: dict[str, Any] = {
            "train": RemoteTrainingView(self.training, self.ask),
            "privacy": RemotePrivacyView(self.privacy, self.ask),
            "programs": ProgramsView(Programs(self.remote), self.ask),
            "absent": AbsentView(self.remote),
        }
        self.frame = Root(self.show, SCREENS)
        self.layers.add_widget(self.frame)
        self.show(self.home)
        self.remote.begin()
        Clock.schedule_interval(lambda _: self.remote.tick(), TICK_S)
        return self.layers

    def show(self, name: str) -> None:
        """Show a screen, or what there is to say where it has nothing to show."""
        self.shown = name
        self.frame.choose(name)
        view = self.views[name if self.remote.presence is Presence.READY else "absent"]
        if view.parent is None:
            self.frame.ids.body.clear_widgets()
            self.frame.ids.body.add_widget(view)
        view.refresh_soon()

    def on_stop(self) -> None:
        """Let go of the bus; what was wished for goes on there."""
        self.method.close()

    def _changed(self) -> None:
        self.show(self.shown)
