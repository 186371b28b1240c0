"""Takes pictures of the input method in use: `python tools/ibus_shots.py FOLDER`.

A window of GTK 3, a real ibus-daemon and IBus' own panel, on a screen in memory; then the window with the
input method's training and privacy, after a training with a trainer on this machine. Needs what `make screen`
installs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys.layouts import QWERTY
from quietkeys_bench.common.processes import screen_in_memory
from quietkeys_bench.ibus.bench import installed, our_method
from quietkeys_bench.ibus.desktop import Desktop, desktop
from quietkeys_ibus.preferences import Preferences
from quietkeys_keyboard.input_method import Presence
from quietkeys_keyboard.settings import free_port
from quietkeys_keyboard.window import configure
from tools import pictures
from tools.shots import teach, wait_for

PANEL: Final = "/usr/libexec/ibus-ui-gtk3"
SIZE: Final = "640x300"
SCREENS: Final = (("train", False), ("privacy", True))  # which are taken, and whether dark
SCREENS_SIZE: Final = "420x840"
WORDS: Final = 900  # typed before the window is shown: enough for an update to be judged
KEY_MS: Final = "120"
SHOWN_S: Final = 4.0  # until the panel has drawn
# The panel writes the version of its settings where it is another, and with these never stops doing so.
SETTINGS: Final = f"""[desktop/ibus/general]
preload-engines=['quietkeys']
version='{installed("ibus").partition("-")[0]}'

[desktop/ibus/panel]
lookup-table-orientation=0
show-icon-on-systray=false
"""
STEPS: Final = (  # name of the picture, and what is pressed before it
    ("ibus-mistake", "type", "thanks for the notes, see you tomorrow and i will bring teh"),
    ("ibus-corrected", "key", "space"),
    ("ibus-given-back", "key", "BackSpace"),
)
_WINDOW: Final = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
window, field = Gtk.Window(title="Message to Ada"), Gtk.TextView()
bar = Gtk.HeaderBar(title="Message to Ada", show_close_button=False)
window.set_titlebar(bar)
bar.pack_end(Gtk.Button(label="Send"))
for side in ("left", "right", "top"):
    getattr(field, f"set_{side}_margin")(18)
field.set_wrap_mode(Gtk.WrapMode.WORD)
style = Gtk.CssProvider()
plain = b"decoration { box-shadow: none; margin: 0; border-radius: 0 }"
style.load_from_data(b"textview { font-size: 15pt }" + plain)
Gtk.StyleContext.add_provider_for_screen(window.get_screen(), style, 900)
window.add(field)
window.set_default_size(640, 300)
window.move(0, 0)
window.show_all()
field.grab_focus()
Gtk.main()
"""
_SHOT: Final = """
import sys, gi
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk
root = Gdk.get_default_root_window()
Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height()).savev(sys.argv[1], "png", [], [])
"""


@contextmanager
def message(one: Desktop) -> Iterator[None]:
    """Show the window of a program in which messages are written, with the cursor in it."""
    process = one.start(sys.executable, "-c", _WINDOW)
    try:
        number = ""
        while not number:
            time.sleep(0.2)
            number = one.say("xdotool", "search", "--onlyvisible", "--name", "^Message to Ada$").split("\n")[
                -1
            ]
        one.say("xdotool", "windowfocus", "--sync", number)
        time.sleep(SHOWN_S)
        yield
    finally:
        process.terminate()
        process.wait()


def take(one: Desktop, out: Path) -> None:
    """Type, and take a picture after each step. Raises DemoFailed where the panel ends meanwhile."""
    panel = one.start(PANEL)
    with message(one):
        for name, how, text in STEPS:
            one.say("xdotool", how, "--delay", KEY_MS, text)
            time.sleep(SHOWN_S)
            if panel.poll() is not None:
                raise DemoFailed("IBus' panel has ended.", "Once more, please: Debian's sometimes does.")
            one.say(sys.executable, "-c", _SHOT, str(out / f"{name}.png"))
            print(name)
    panel.terminate()
    panel.wait()


def screens(out: Path) -> None:
    """Have the input method train, in its window, and take a picture in each look. Raises SystemExit."""
    configure(SCREENS_SIZE, corner=True)
    from kivy.clock import Clock
    from kivy.core.window import Window

    from quietkeys_keyboard.desk import DeskApp

    app = DeskApp(Path.home() / ".desk")

    def when(holds: Callable[[], object], then: Callable[[], None]) -> None:
        if holds():
            then()
        else:
            Clock.schedule_once(lambda _: when(holds, then), 0.2)

    def train() -> None:
        app.training.agree()
        app.training.start()
        when(lambda: app.training.busy, lambda: when(lambda: not app.training.busy, lambda: shown(0)))

    def shown(place: int) -> None:
        if place == len(SCREENS):
            app.stop()
            return
        name, dark = SCREENS[place]
        app.set_dark(dark)
        app.show(name)
        Clock.schedule_once(lambda _: taken(place), SHOWN_S)

    def taken(place: int) -> None:
        name, dark = SCREENS[place]
        file = f"ibus-{name}-{'dark' if dark else 'light'}"
        pictures.take(Window, out / f"{file}.png")
        print(file, flush=True)
        shown(place + 1)

    Clock.schedule_once(lambda _: when(lambda: app.remote.presence is Presence.READY, train), 1.0)
    app.run()


def take_screens(work: Path, out: Path) -> None:
    """Take pictures of the window, of the profile of somebody who has typed. Raises DemoFailed."""
    with shipped_trainer(work / "trainer", free_port()) as url, screen_in_memory(SCREENS_SIZE) as display:
        folder = work / "desktop"
        (folder / "data/quietkeys").mkdir(mode=0o700, parents=True)
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"  # as it is on that desktop
        teach(folder / "data/quietkeys/profile", QWERTY, WORDS)
        Preferences(trainer=url, syncs=False).save(folder / "config/quietkeys/ibus.json")
        wait_for(url)
        with desktop(display, folder, our_method(), "disable", SETTINGS) as one:
            process = one.start(sys.executable, __file__, "--screens", str(out))
            if process.wait():
                raise DemoFailed("The window did not come.", (folder / "log").read_text()[-500:])


def main(arguments: Sequence[str]) -> int:
    """Take pictures and return 0, or 2 where no folder is named."""
    if arguments[:1] == ["--screens"]:
        screens(Path(arguments[1]))
        return 0
    if len(arguments) != 1:
        print("usage: ibus_shots.py FOLDER", file=sys.stderr)
        return 2
    out = Path(arguments[0]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    ours = our_method()
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-shots-") as name,
        screen_in_memory(SIZE) as display,
        desktop(display, Path(name), ours, "disable", SETTINGS) as one,
    ):
        take(one, out)
    with tempfile.TemporaryDirectory(prefix="quietkeys-shots-") as name:
        take_screens(Path(name), out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
