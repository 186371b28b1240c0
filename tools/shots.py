"""Takes a picture of every screen of the keyboard, light and dark, on a phone and on a desktop: `make shots`.

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

from quietkeys import QuietkeysError
from quietkeys.demo.text import messages_of_the_demo
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys.environment import Environment
from quietkeys.remote.client import service_key
from quietkeys.remote.http import RequestsTransport
from quietkeys.testing import Typist, open_profile
from quietkeys.testing.typist import draw_hands
from quietkeys_bench.common.processes import screen_in_memory
from quietkeys_keyboard.presenters.keys import Page, phone_layout
from quietkeys_keyboard.settings import Settings, free_port
from quietkeys_keyboard.window import configure

SIZES: Final = {"phone": "420x840", "desktop": "1180x760"}
THEMES: Final = ("light", "dark")
WORDS: Final = 2500  # typed before the pictures are taken
PATIENCE_S: Final = 300.0

Step = float | Callable[[], bool]  # seconds to wait, or what to wait for


def teach(folder: Path) -> None:
    """Make the profile of somebody with unsteady thumbs."""
    rng = np.random.default_rng(0)
    layout = phone_layout()
    typist = Typist(draw_hands(np.random.default_rng(4)), 0.08, rng, layout)
    words = [word for sentence in messages_of_the_demo() for word in sentence.split()][:WORDS]
    with open_profile(folder / "profile", layout=layout, environment=Environment(rng=rng)) as keyboard:
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


def script(app: Any, shot: Callable[[str], None]) -> Iterator[Step]:
    """Go through every screen."""
    yield 1.0
    shot("welcome")
    app.dialog.close()
    yield 0.5
    for text in ("Running late", "see you tomorow"):
        type_text(app, text)
        app.typing.send()
    type_text(app, "I will bring the differnt keybo")
    yield 0.6
    shot("typing")
    app.views["type"]._hold(8)
    yield 0.4
    shot("editing")
    app.typing.editor.move(len(app.typing.editor.text))
    app.typing.turn(Page.EMOJI)
    yield 0.4
    shot("emoji")
    app.typing.turn(Page.SYMBOLS)
    yield 0.4
    shot("symbols")
    app.typing.turn(Page.LETTERS)
    app.views["type"]._menu(0)
    yield 0.4
    shot("long-press")
    app.dialog.close()
    app.show("train")
    yield 0.5
    shot("train-empty")
    app.views["train"].start()
    yield 0.4
    shot("consent")
    app.dialog.close()
    app.show("play")
    app.play.set_speed(60.0)
    app.views["play"].toggle()
    yield lambda: app.play.score.words >= 230
    shot("play")
    app.play.stop()
    app.typing.editor.clear()
    app.show("train")
    app.training.agree()
    app.training.start()
    yield lambda: len(app.training.steps) >= 6
    yield 1.5
    shot("train-busy")
    yield lambda: not app.training.busy
    yield 0.6
    shot("train-done")
    app.show("privacy")
    yield lambda: not app.privacy.busy and len(app.privacy.leaves()) > 4
    yield 0.6
    shot("privacy")
    scroll = app.views["privacy"].ids.scroll
    app.views["privacy"].turn(1)
    for name, place in (("privacy-cipher", 0.28), ("privacy-key", 0.0)):
        scroll.scroll_y = place
        yield 0.6
        shot(name)
    app._back_up()
    yield 0.4
    shot("save")
    app.dialog.close()
    app.views["privacy"].join()
    yield 0.4
    shot("join")
    app.dialog.close()
    app.views["privacy"].wipe()
    yield 0.4
    shot("wipe")
    app.dialog.close()
    scroll.scroll_y = 1.0
    app.privacy.wipe()
    yield lambda: "gone" in app.privacy.notice and not app.privacy.busy
    yield 0.6
    shot("privacy-empty")
    app.keyboard._link.trainer = "http://127.0.0.1:9"
    app.show("train")
    app.training.agree()
    app.training.start()
    yield lambda: not app.training.busy
    yield 0.5
    shot("train-offline")


def one(data: str, url: str, size: str, out: str) -> None:
    """Take the pictures of one size and theme; runs in a process of its own."""
    configure(size, corner=True)
    from kivy.clock import Clock
    from kivy.core.window import Window

    from quietkeys_keyboard.app import KeyboardApp

    app = KeyboardApp(Path(data), url)

    def shot(name: str) -> None:
        Window.screenshot(name=f"{out}-{name}.png")

    steps = script(app, shot)
    deadline = time.monotonic() + 2 * PATIENCE_S

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
        teach(work / "taught")
        for folder in ("Documents", "Downloads", "Pictures"):
            (work / "home" / folder).mkdir(parents=True)
        with shipped_trainer(work / "trainer", free_port()) as url:
            wait_for(url)
            for size, pixels in SIZES.items():
                for theme in THEMES:
                    data = work / f"{size}-{theme}"
                    shutil.copytree(work / "taught", data)
                    Settings(dark=theme == "dark").save(data)
                    arguments = [str(data), url, pixels, str(work / f"{size}-{theme}")]
                    subprocess.run(
                        [sys.executable, __file__, "--one", *arguments],
                        env=os.environ
                        | {"DISPLAY": display, "KIVY_HOME": str(work / "kivy"), "HOME": str(work / "home")},
                        check=True,
                    )
                    for picture in work.glob(f"{size}-{theme}-*.png"):  # Kivy numbers them
                        shutil.move(picture, out / f"{picture.stem[:-4]}.png")
                        print(picture.stem[:-4])


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
