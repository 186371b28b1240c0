"""The tour within the application: a profile of its own in the place of the visitor's, until it is left."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from kivy.clock import Clock

from quietkeys import KeyFile
from quietkeys.environment import Environment
from quietkeys.remote.http import RequestsTransport
from quietkeys.testing import open_profile
from quietkeys_keyboard.presenters.meddling import Meddler
from quietkeys_keyboard.presenters.tour import Stage, TourPresenter
from quietkeys_keyboard.views.tour_view import TourBar

if TYPE_CHECKING:
    from quietkeys_keyboard.app import KeyboardApp

SHOWN_S: Final = 0.1  # between two looks of the bar
_ASSEMBLED: Final = ("keyboard", "typing", "base", "play", "training", "privacy", "views", "frame", "kept")


class Tour:
    """A tour under way in an application, whose trainer it uses. over: called when it was left."""

    def __init__(self, app: KeyboardApp, trainer: str, over: Callable[[], None]) -> None:
        """Open a profile for it, and show its first screen."""
        self._app, self._over = app, over
        self._visitor = {name: getattr(app, name) for name in _ASSEMBLED}
        self._stop = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="tour-", dir=app.folder)
        meddler = Meddler(RequestsTransport(trainer, self._stop))
        app.keyboard = open_profile(
            Path(self._folder.name) / "profile",
            transport=meddler,
            protection=KeyFile(),  # nothing of it in the key store of this system
            environment=Environment(rng=np.random.default_rng(0)),  # the words kept aside: always the same
            **app.opening,
        )
        self._left = False
        self._stage: Stage | None = None
        self.bar = TourBar(self.leave)
        app.assemble(self.bar)
        self.presenter = TourPresenter(
            app.keyboard, app.typing, app.training, meddler, self._changed, app.post, app.replay
        )
        self._changed()
        self._clock = Clock.schedule_interval(self._tick, 0)
        self._look = Clock.schedule_interval(lambda _: self.bar.refresh(self.presenter), SHOWN_S)

    def leave(self) -> None:
        """End it: what it made is deleted, here and at the trainer, and the visitor's own is back."""
        if self._left:
            return
        self._left = self.presenter.over = True
        self._clock.cancel()
        self._look.cancel()
        app, keyboard, done = self._app, self._app.keyboard, self.presenter.stage is Stage.DONE
        app.base.close()
        for name, value in self._visitor.items():
            setattr(app, name, value)
        app.put()

        def tidy() -> None:
            if not done:
                self.presenter.leave()
            self._stop.set()
            keyboard.close()
            self._folder.cleanup()

        self._tidying = threading.Thread(target=tidy, name="quietkeys-tour", daemon=True)
        self._tidying.start()
        self._over()

    def wait(self) -> None:
        """Return when nothing of it is left."""
        self._tidying.join()

    def _tick(self, seconds: float) -> None:
        self.presenter.tick(seconds)

    def _changed(self) -> None:
        # The screen that belongs to it; what was received is tried to be read.
        app, stage = self._app, self.presenter.stage
        if stage is self._stage:
            return
        self._stage = stage
        if app.shown != stage.screen:
            app.show(stage.screen)
        self.bar.refresh(self.presenter)
        if stage is Stage.RECEIVED:
            Clock.schedule_once(lambda _: app.views["sides"].try_to_read(), SHOWN_S)
