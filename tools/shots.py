"""Takes a picture of every screen of the keyboard, light and dark, in every size: `make shots`.

    python tools/shots.py FOLDER

Everything on the pictures is real: a profile that learned from made-up typing, a trainer on this machine,
keys, ciphertexts, updates. It takes some minutes. Needs Xvfb.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys import QuietkeysError
from quietkeys.demo.text import messages_of_the_demo
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import Layout
from quietkeys.remote.client import service_key
from quietkeys.remote.http import RequestsTransport
from quietkeys.testing import Typist, open_profile
from quietkeys.testing.typist import draw_hands
from quietkeys_bench.common.processes import screen_in_memory
from quietkeys_keyboard.presenters.keys import Page, phone_layout
from quietkeys_keyboard.settings import Settings, free_port
from quietkeys_keyboard.window import configure
from tools import pictures

SIZES: Final = {  # name: pixels, and how large text is
    "phone": ("420x840", 1),
    "desktop": ("1180x760", 1),
    "small": ("300x500", 1),
    "large-text": ("420x840", 2),
}
THEMES: Final = ("light", "dark")
WORDS: Final = 2500  # typed before the pictures are taken
PATIENCE_S: Final = 300.0
LONGEST_S: Final = 3600.0  # for one size, on a machine with much else to do

Step = float | Callable[[], bool]  # seconds to wait, or what to wait for


def teach(profile: Path, layout: Layout, most: int = WORDS) -> None:
    """Make the profile of somebody with unsteady thumbs. most: words that are typed."""
    rng = np.random.default_rng(0)
    typist = Typist(draw_hands(np.random.default_rng(4)), 0.08, rng, layout)
    words = [word for sentence in messages_of_the_demo() for word in sentence.split()][:most]
    with open_profile(profile, layout=layout, environment=Environment(rng=rng)) as keyboard:
        for place, word in enumerate(words):
            typed, touches = typist.type_word_touched(word)
            context = " ".join(words[max(place - 12, 0) : place])
            if typed:
                keyboard.record(context, typed, word, touches)


def type_text(app: Any, text: str) -> None:
    """Press the keys of a text, the space bar for spaces."""
    for character in text:
        if character == " ":
            app.typing.editor.space()
        else:
            app.typing.editor.press(character)


def played(app: Any, words: int) -> bool:
    """Have so many words typed, faster than they could be drawn; return whether they are."""
    until = time.monotonic() + 0.5
    while app.play.score.words < words and time.monotonic() < until:
        app.play.tick(1.0)
    return bool(app.play.score.words >= words)


def script(app: Any, shot: Callable[[str], Iterator[Step]]) -> Iterator[Step]:
    """Go through every screen."""
    yield 1.0
    yield from shot("welcome")
    app.dialog.close()
    yield 0.5
    for text in ("Running late", "see you tomorow"):
        type_text(app, text)
        app.typing.send()
    type_text(app, "I will bring the differnt keybo")
    yield 0.6
    yield from shot("typing")
    app.views["type"]._hold(8)
    yield 0.4
    yield from shot("editing")
    app.views["type"]._place(len(app.typing.editor.text))
    app.typing.turn(Page.EMOJI)
    yield 0.4
    yield from shot("emoji")
    app.typing.turn(Page.SYMBOLS)
    yield 0.4
    yield from shot("symbols")
    app.typing.turn(Page.LETTERS)
    app.views["type"]._menu(0)
    yield 0.4
    yield from shot("long-press")
    app.dialog.close()
    app.show("sides")
    yield 1.2
    yield from shot("sides-before")
    app.show("train")
    yield 0.5
    yield from shot("train-empty")
    app.views["train"].start()
    yield 0.4
    yield from shot("consent")
    app.dialog.close()
    app.show("play")
    app.play.set_speed(60.0)
    app.views["play"].panel.toggle()
    yield lambda: played(app, 330)
    yield from shot("play")
    app.play.stop()
    app.show("train")
    app.training.agree()
    app.training.start()
    yield lambda: len(app.training.steps) >= 6
    yield 1.5
    yield from shot("train-busy")
    yield lambda: not app.training.busy
    yield 0.6
    yield from shot("train-done")
    app.show("sides")
    yield 1.2
    app.views["sides"].try_to_read()
    yield 0.6
    yield from shot("sides")
    app.show("train")
    yield 0.4
    app.views["train"].ids.scroll.scroll_y = 0.0
    yield 0.6
    yield from shot("train-worth")
    app.show("privacy")
    yield 1.2
    yield from shot("privacy")
    scroll = app.views["privacy"].ids.scroll
    app.views["privacy"].toggle_bytes()
    app.views["privacy"].turn(1)
    for name, place in (("privacy-cipher", 0.28), ("privacy-key", 0.0)):
        scroll.scroll_y = place
        yield 0.6
        yield from shot(name)
    app._back_up()
    yield 0.4
    yield from shot("save")
    app.dialog.close()
    app.views["privacy"].join()
    yield 0.4
    yield from shot("join")
    app.dialog.close()
    app.views["privacy"].wipe()
    yield 0.4
    yield from shot("wipe")
    app.dialog.close()
    scroll.scroll_y = 1.0
    app.privacy.wipe()
    yield lambda: "gone" in app.privacy.notice and not app.privacy.busy
    yield 0.6
    yield from shot("privacy-empty")
    app.keyboard._link.trainer = "http://127.0.0.1:9"
    app.show("train")
    app.training.agree()
    app.training.start()
    yield lambda: not app.training.busy
    yield 0.5
    yield from shot("train-offline")


def one(data: str, url: str, size: str, out: str) -> None:
    """Take the pictures of one size; runs in a process of its own."""
    configure(size, corner=True)
    from kivy.clock import Clock
    from kivy.core.window import Window

    from quietkeys_keyboard.app import KeyboardApp

    app = KeyboardApp(Path(data), url)

    def shot(name: str) -> Iterator[Step]:
        for theme in THEMES:
            app.set_dark(theme == "dark")
            yield 0.3
            file = Path(f"{out}-{theme}-{name}.png")
            pictures.take(Window, file)
            print(file.stem, flush=True)

    steps = script(app, shot)
    deadline = time.monotonic() + LONGEST_S

    def go_on(waited: Step) -> None:
        if time.monotonic() > deadline:
            raise SystemExit("a screen did not come")
        if callable(waited) and not waited():
            Clock.schedule_once(lambda _: go_on(waited), 0.2)
            return
        try:
            step = next(steps)
        except StopIteration:
            app.stop()
            return
        Clock.schedule_once(lambda _: go_on(step), 0.0 if callable(step) else step)

    Clock.schedule_once(lambda _: go_on(0.0), 0.5)
    app.run()


def wait_for(url: str) -> None:
    """Wait until a trainer answers."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(QuietkeysError):
            service_key(RequestsTransport(url))
            return
        time.sleep(0.5)
    raise SystemExit("the trainer does not answer")


def all_of_them(out: Path) -> None:
    """Take all pictures, and name them SIZE-THEME-SCREEN.png."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="quietkeys-shots-") as name, screen_in_memory() as display:
        work = Path(name)
        teach(work / "taught" / "profile", phone_layout())
        for folder in ("Documents", "Downloads", "Pictures"):
            (work / "home" / folder).mkdir(parents=True)
        with shipped_trainer(work / "trainer", free_port()) as url:
            wait_for(url)
            for size, (pixels, scale) in SIZES.items():
                data = work / size
                shutil.copytree(work / "taught", data)
                Settings().save(data)
                subprocess.run(
                    [sys.executable, __file__, "--one", str(data), url, pixels, str(out / size)],
                    env=os.environ
                    | {"DISPLAY": display, "KIVY_HOME": str(work / "kivy"), "HOME": str(work / "home")}
                    | {"KIVY_METRICS_FONTSCALE": str(scale)},
                    check=True,
                )


def main(arguments: Sequence[str]) -> int:
    """Take pictures and return 0, or 2 where no folder is named."""
    if arguments[:1] == ["--one"]:
        one(*arguments[1:5])
        return 0
    if len(arguments) != 1:
        print("usage: shots.py FOLDER", file=sys.stderr)
        return 2
    all_of_them(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
