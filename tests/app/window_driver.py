"""`python -m tests.app.window_driver FOLDER BUNDLE URL STATE SIZE`: the application, saying what it shows.

Ten times a second it writes to STATE, as JSON, what is on the screen and where it can be clicked; also once
it has seen a key that a test presses after what it did (`FENCES`) and has drawn what came of that. Nothing
else is done for the test: keys and clicks come from the window system. BUNDLE "": the shipped one; URL "": no
trainer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from quietkeys_keyboard.window import configure
from tests.sdk import small

FENCES: Final = {290: (3, 0.0), 291: (7, 0.05)}  # F9, F10: rounds of the event loop, and seconds between two
PATIENT_S: Final = 600.0  # what waits for the user's second thoughts, while a test has them


def places(app: Any) -> dict[str, tuple[int, int]]:
    """Where to click, from the top left of the window, by name."""
    from kivy.core.window import Window
    from kivy.metrics import dp
    from kivy.uix.scrollview import ScrollView
    from kivy.uix.textinput import TextInput

    from quietkeys_keyboard.presenters.emoji import groups
    from quietkeys_keyboard.views.emoji_view import EmojiSheet
    from quietkeys_keyboard.views.files import EntryRow
    from quietkeys_keyboard.views.parts import IconButton, PushButton, Segment, StripButton, Tab, Toggle
    from quietkeys_keyboard.views.rich_text import RichText

    found: dict[str, tuple[int, int]] = {}
    seen: list[tuple[float, float]] = [(0.0, float(Window.height))]  # bottom and top of what is not cut off

    def add(name: str, widget: Any, point: tuple[float, float]) -> None:
        x, y = widget.to_window(*point)
        if seen[-1][0] <= y <= seen[-1][1]:
            found[name] = (int(x), int(Window.height - y))

    def walk(widget: Any) -> None:
        if not widget.opacity:
            return
        if isinstance(widget, ScrollView):
            bottom, top = (widget.to_window(0, y)[1] for y in (widget.y, widget.top))
            seen.append((max(seen[-1][0], bottom), min(seen[-1][1], top)))
            walk_in(widget)
            seen.pop()
        else:
            walk_in(widget)

    def walk_in(widget: Any) -> None:
        if isinstance(widget, IconButton):
            add(f"icon:{widget.icon}", widget, widget.center)
        elif isinstance(widget, EntryRow):
            add(f"entry:{widget.text}", widget, widget.center)
        elif isinstance(widget, TextInput):
            add("input", widget, widget.center)
        elif isinstance(widget, Segment) and widget.height:
            add(f"segment:{widget.text}", widget, widget.center)
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
            for symbols in groups().values():
                add(f"emoji:{symbols[0]}", widget, widget.middle(symbols[0]))
        for child in widget.children:
            walk(child)

    walk(app.dialog or app.layers)
    if app.shown == "type" and app.dialog is None:
        thread = app.views["type"].ids.above
        add("thread", thread, (thread.x + thread.width * 0.8, thread.center_y))
        board = app.views["type"].ids.board
        for one in board.placed():
            x, y = board.middle(one.key.label)
            found[f"key:{one.key.label}"] = (int(x), int(Window.height - y))
    if app.dialog is not None:
        card = app.dialog.ids.card
        add("outside", app.dialog, (app.dialog.center_x, (card.top + app.dialog.top) / 2))
    return found


def faults(app: Any) -> list[str]:
    """What is too small to be pressed (44 dp; keys of the keyboard excepted), or cut off."""
    from kivy.metrics import dp
    from kivy.uix.label import Label

    from quietkeys_keyboard.views.keyboard_view import KeyboardView
    from quietkeys_keyboard.views.parts import Focusable

    found: list[str] = []

    def walk(widget: Any) -> None:
        if not widget.opacity or not widget.width or not widget.height:
            return
        control = isinstance(widget, Focusable) and not isinstance(widget, KeyboardView)
        if control and widget.is_reachable and min(widget.size) < dp(44) - 0.5:
            found.append(f"small: {getattr(widget, 'text', '') or type(widget).__name__} {widget.size}")
        if isinstance(widget, Label) and widget.text and not getattr(widget, "shorten", False):
            wide, high = widget.texture_size
            if wide > widget.width + 1 or high > widget.height + 1:
                found.append(f"cut: {widget.text[:30]} {widget.texture_size} in {widget.size}")
        for child in widget.children:
            walk(child)

    walk(app.dialog or app.layers)
    return found


def texts(app: Any) -> list[str]:
    """What is to be read, from the top."""
    from kivy.uix.label import Label
    from kivy.uix.textinput import TextInput

    from quietkeys_keyboard.views.rich_text import RichText

    found: list[str] = []

    def walk(widget: Any) -> None:
        if not widget.opacity or not widget.width or not widget.height:
            return
        if isinstance(widget, Label | RichText | TextInput) and widget.text.strip():
            found.append(widget.text)
        for child in reversed(widget.children):
            walk(child)

    walk(app.dialog or app.layers)
    return found


def codes(app: Any) -> list[str]:
    """What QR codes say that are drawn."""
    from quietkeys_keyboard.views.qr_picture import QrPicture

    drawn = app.dialog.walk() if app.dialog else ()
    return [one.text for one in drawn if isinstance(one, QrPicture) and one.height]


def seen(app: Any) -> bool:
    """Whether the middle of what the keyboard is at is on the screen, with a ring around it if it has one."""
    from kivy.core.window import Window
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels
    from kivy.metrics import dp
    from kivy.uix.scrollview import ScrollView

    from quietkeys_keyboard.views.emoji_view import EmojiSheet
    from quietkeys_keyboard.views.keyboard_view import KeyboardView
    from quietkeys_keyboard.views.parts import Focusable

    at: Any = app.focus._at
    if at is None:
        return False
    x, y = at.to_window(*at.center)
    left, _ = at.to_window(at.x + dp(2), at.center_y)
    around = at.parent
    while around is not None and around is not Window:
        if isinstance(around, ScrollView) and not around.collide_point(*around.parent.to_widget(x, y)):
            return False
        around = around.parent
    if not isinstance(at, Focusable) or isinstance(at, EmojiSheet | KeyboardView):  # with rings of their own
        return True
    pixel = glReadPixels(int(left), int(y), 1, 1, GL_RGBA, GL_UNSIGNED_BYTE)
    return [round(255 * part) for part in app.theme.colour("text")[:3]] == list(pixel[:3])


def focused(app: Any) -> str:
    """What the keyboard is at, as words."""
    at = app.focus._at
    named = getattr(at, "hint_text", "") or getattr(at, "text", "") or getattr(at, "icon", "")
    named = named or type(at).__name__
    return (
        str(named)
        if at is not None and (getattr(at, "focused", False) or getattr(at, "focus", False))
        else ""
    )


def accent(app: Any) -> str:
    """Which of the accents that a held key offers would be typed, "" while none are offered."""
    offered = app.views["type"].ids.board._offered
    return offered[1][offered[2]] if offered else ""


def scrolled(app: Any) -> list[float]:
    """How far everything that scrolls is from its end, as a share."""
    from kivy.uix.scrollview import ScrollView

    above = (app.dialog or app.layers).walk()
    return [round(one.scroll_y, 4) for one in above if isinstance(one, ScrollView)]


def shell(app: Any) -> dict[str, Any]:
    """What every window shows."""
    from kivy.core.window import Window

    return {
        "time": time.time(),
        "size": [int(side) for side in Window.size],
        "screen": app.shown,
        "dialog": app.dialog.title if app.dialog else "",
        "dark": app.dark,
        "at": focused(app),
        "seen": seen(app),
        "stops": len(app.focus.stops()),
        "texts": texts(app),
        "faults": faults(app),
        "scrolled": scrolled(app),
        "places": places(app),
    }


def state(app: Any) -> dict[str, Any]:
    """What the screen shows."""
    return shell(app) | {
        "text": app.typing.editor.text,
        "underlined": app.typing.editor.underlined,
        "selected": app.typing.editor.selected,
        "strip": [choice.text for choice in app.typing.editor.strip],
        "best": [choice.text for choice in app.typing.editor.strip if choice.best],
        "page": app.typing.page.value,
        "notice": app.typing.notice,
        "shift": app.typing.editor.shift.value,
        "accent": accent(app),
        "pending": app.typing.pending_words(),
        "field": app.views["type"].ids.field.parent.height,
        "codes": codes(app),
        "deleting": app.privacy.deleting,
        "played": [one.text for one in app.play.typing.messages],
        "messages": [one.text for one in app.typing.messages],
        "words": app.play.score.words,
        "right": app.play.score.kept.right,
        "busy": app.training.busy,
        "headline": app.training.headline,
        "detail": app.training.detail,
        "steps": [line.title for line in app.training.steps],
        "worths": len(app.training.worths),
        "chart": app.views["train"].ids.chart.height if app.shown == "train" else 0,
        "version": app.training.version(),
        "known": app.keyboard.status().words_known,
        "privacy": app.privacy.notice,
        "left": app.views["privacy"].left if app.shown == "privacy" else "",
        "sent": [[one.method, one.path, one.size, one.sha256] for one in app.privacy.sent()],
        "bytes": app.views["privacy"].bytes_hex if app.shown == "privacy" else "",
        "meter": app.views["train"].meter if app.shown == "train" else "",
        "filled": app.views["train"].filled if app.shown == "train" else 0.0,
        "time left": app.views["train"].left if app.shown == "train" else "",
    }


def drive(app: Any, file: str, shown: Callable[[], dict[str, Any]]) -> None:
    """Run an application until its window is closed, and write what is shown to a file."""
    from kivy.clock import Clock
    from kivy.core.window import Window

    passed = 0  # fences

    def write(_: float) -> None:
        draft = Path(file + ".draft")
        draft.write_text(json.dumps(shown() | {"passed": passed}))
        draft.replace(file)

    def build(_: float) -> None:
        Window.bind(on_key_down=fence)

    def fence(_: object, key: int, *__: object) -> bool:
        if key in FENCES:
            rounds, seconds = FENCES[key]
            later(rounds, seconds)
        return key in FENCES

    def later(rounds: int, seconds: float) -> None:
        nonlocal passed
        if rounds:
            Clock.schedule_once(lambda _: later(rounds - 1, seconds), seconds)
        else:
            passed += 1
            write(0.0)

    Clock.schedule_once(build, 0)
    Clock.schedule_interval(write, 0.1)
    app.run()


def main(folder: str, bundle: str, url: str, file: str, size: str) -> None:
    """Run the keyboard until its window is closed."""
    configure(size, corner=True)
    from kivy.clock import Clock

    from quietkeys_keyboard.app import KeyboardApp

    opening: dict[str, Any] = {"bundle": Path(bundle), "trusted_keys": small.TRUSTED} if bundle else {}
    app = KeyboardApp(Path(folder), url or None, **opening)

    def patient(_: float) -> None:
        app.privacy.undo_s = PATIENT_S

    Clock.schedule_once(patient, 0)
    drive(app, file, lambda: state(app))


if __name__ == "__main__":
    main(*sys.argv[1:6])
