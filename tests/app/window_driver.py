"""`python -m tests.app.window_driver FOLDER BUNDLE URL STATE`: the real application, saying what it shows.

Ten times a second it writes to STATE, as JSON, what is on the screen and where it can be clicked.
Nothing is done for the test: keys and clicks come from the window system. BUNDLE "": the shipped one; URL "":
no trainer.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from quietkeys_keyboard.window import configure
from tests.sdk import small


def places(app: Any) -> dict[str, tuple[int, int]]:
    """Where to click, from the top left of the window, by name."""
    from kivy.core.window import Window
    from kivy.metrics import dp

    from quietkeys_keyboard.views.emoji_view import EmojiSheet
    from quietkeys_keyboard.views.parts import PushButton, StripButton, Tab, Toggle
    from quietkeys_keyboard.views.rich_text import RichText

    found: dict[str, tuple[int, int]] = {}

    def add(name: str, widget: Any, point: tuple[float, float]) -> None:
        x, y = widget.to_window(*point)
        if 0 <= y <= Window.height:
            found[name] = (int(x), int(Window.height - y))

    def walk(widget: Any) -> None:
        if isinstance(widget, Tab):
            add(f"tab:{widget.text}", widget, widget.center)
        elif isinstance(widget, PushButton) and not widget.disabled:
            add(f"button:{widget.text}", widget, widget.center)
        elif isinstance(widget, Toggle):
            add(f"toggle:{widget.text}", widget, widget.center)
        elif isinstance(widget, StripButton):
            add(f"strip:{widget.text}", widget, widget.center)
        elif isinstance(widget, RichText) and widget.cursor >= 0:
            add("field", widget, (widget.x + dp(4), widget.top - dp(8)))
        elif isinstance(widget, EmojiSheet) and widget.parent is not None and widget.parent.height:
            add("emoji:😀", widget, widget.middle("😀"))
        for child in widget.children:
            walk(child)

    walk(app.dialog or app.layers)
    if app.shown in {"type", "play"} and app.dialog is None:
        board = app.views["type"].ids.board
        for one in board.placed():
            x, y = board.middle(one.key.label)
            found[f"key:{one.key.label}"] = (int(x), int(Window.height - y))
    return found


def state(app: Any) -> dict[str, Any]:
    """What the screen shows."""
    return {
        "time": time.time(),
        "screen": app.shown,
        "dialog": app.dialog.title if app.dialog else "",
        "dark": app.dark,
        "text": app.typing.editor.text,
        "underlined": app.typing.editor.underlined,
        "selected": app.typing.editor.selected,
        "strip": [choice.text for choice in app.typing.editor.strip],
        "best": [choice.text for choice in app.typing.editor.strip if choice.best],
        "page": app.typing.page.value,
        "notice": app.typing.notice,
        "messages": [one.text for one in app.typing.messages],
        "words": app.play.score.words,
        "right": app.play.score.right,
        "busy": app.training.busy,
        "headline": app.training.headline,
        "detail": app.training.detail,
        "steps": [line.title for line in app.training.steps],
        "worths": len(app.training.worths),
        "chart": app.views["train"].ids.chart.height if app.shown == "train" else 0,
        "version": app.training.version(),
        "known": app.keyboard.status().words_known,
        "privacy": app.privacy.notice,
        "leaves": len(app.privacy.leaves()),
        "places": places(app),
    }


def main(folder: str, bundle: str, url: str, file: str) -> None:
    """Run until the window is closed."""
    configure("420x840", corner=True)
    from kivy.clock import Clock

    from quietkeys_keyboard.app import KeyboardApp

    opening: dict[str, Any] = {"bundle": Path(bundle), "trusted_keys": small.TRUSTED} if bundle else {}
    app = KeyboardApp(Path(folder), url or None, **opening)

    def write(_: float) -> None:
        draft = Path(file + ".draft")
        draft.write_text(json.dumps(state(app)))
        draft.replace(file)

    Clock.schedule_interval(write, 0.1)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:5])
