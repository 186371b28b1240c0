"""`quietkeys bench ibus`: the input method beside none and beside ibus-typing-booster.

How long a key takes until the application shows something of it, and until a strip is told: on a screen in
memory with a real ibus-daemon, in windows of GTK 3 and 4, one method after the other in each repeat. And what
is saved and put right on people's words after the same typing, without a desktop.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import screen_in_memory
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_bench.common.texts import Person, ordinary, slipped
from quietkeys_bench.ibus.desktop import SYSTEM_GI, Desktop, Method, desktop, window
from quietkeys_bench.ibus.strips import OurStrip, Strip, Tally, booster, prompts_of, try_strip
from quietkeys_ibus.component import SYSTEM, component

KEY_MS: Final = 120  # between keys: eight a second
TOOLKITS: Final = ("3", "4")
OURS: Final = "quietkeys"
BOOSTER: Final = "typing-booster"
SLIP_EVERY: Final = 5  # every fifth word of at least SHORTEST letters has two letters swapped
SHORTEST: Final = 5
FIRST_KEYS: Final = 8  # of a window: its method is only just chosen
BOOSTER_SHOWS: Final = (3, 6)  # as many as we; as it is shipped
_FOUND: Final = SYSTEM / "typing-booster.xml"
_NEEDED: Final = {  # packages of Debian, by a file of each; `make screen` installs what the others are
    "python3-gi": SYSTEM_GI,
    "ibus-typing-booster": _FOUND,
    "hunspell-en-us": Path("/usr/share/hunspell/en_US.dic"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words: typed in each window. tried: words of each person; rate: letters wrong."""

    words: int
    repeat: int
    people: Sequence[Person] = ()
    tried: int = 3000
    seed: int = 0
    rate: float = 0.08


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure and write the figures. Raises Untrusted, DemoFailed if a process fails, OSError."""
    absent = [name for name, path in _NEEDED.items() if not path.exists()]
    if absent:
        raise DemoFailed(f"It needs {' and '.join(absent)}.", f"apt-get install {' '.join(absent)}")
    keyboards = Keyboards()
    bundle = keyboards.bundle()
    before, times, after = os.getloadavg()[0], _latencies(settings, tell), os.getloadavg()[0]
    tree = {
        "bench": "ibus",
        "mode": "clear",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        "load_before": before,
        "load_after": after,
        "ibus": installed("ibus"),
        "booster": installed("ibus-typing-booster"),
        "words": settings.words,
        "repeat": settings.repeat,
        "key_ms": KEY_MS,
        "methods": times,
        "seed": settings.seed,
        "rate": settings.rate,
        "people": [person.name for person in settings.people],
        "words_limit": settings.tried,
        "strips": _strips(settings, keyboards, tell),
    }
    write_figures(out, "ibus", tree)


def methods() -> tuple[Method, ...]:
    """Return none, ours, and ibus-typing-booster's."""
    return Method("none"), our_method(), Method(BOOSTER, BOOSTER, _FOUND.read_text())


def our_method() -> Method:
    """Return ours, which needs no other to be installed."""
    return Method(OURS, "quietkeys", component([sys.executable, "-P", "-m", "quietkeys_ibus.watch"]))


def figures(name: str, toolkit: str, times: Sequence[dict[str, Any]]) -> dict[str, object]:
    """Return what the windows of a method took, in milliseconds. times: of each, with those of its strips."""
    arrivals, strips, lost = list[float](), list[float](), 0
    for one in times:
        pressed, arrived, shown = (list(one[part]) for part in ("pressed", "arrived", "shown"))
        lost += sum(end is None for end in arrived[FIRST_KEYS:])
        pairs = zip(pressed[FIRST_KEYS:], arrived[FIRST_KEYS:], strict=True)
        arrivals += [1000.0 * (end - begin) for begin, end in pairs if end is not None]
        for begin, until in itertools.pairwise([*pressed[FIRST_KEYS:], float("inf")]):
            place = bisect_right(shown, begin)
            if place < len(shown) and shown[place] < until:
                strips.append(1000.0 * (shown[place] - begin))
    if not arrivals:
        raise DemoFailed("No key arrived.", "Does the window have the cursor?")
    return {
        "method": name,
        "toolkit": f"GTK {toolkit}",
        "keys": len(arrivals),
        "not_shown": lost,
        **{f"p{share}_ms": float(np.percentile(arrivals, share)) for share in (50, 95)},
        "strips": len(strips),
        **{
            f"strip_p{share}_ms": float(np.percentile(strips, share)) if strips else None
            for share in (50, 95)
        },
    }


def _latencies(settings: Settings, tell: Tell) -> list[dict[str, object]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    runs = [(method, n) for n in range(settings.repeat) for method in methods()]
    for done, (method, _) in enumerate(runs):
        tell(done, len(runs), f"keys through {method.name}")
        with (
            TemporaryDirectory(prefix="quietkeys-bench-") as name,
            screen_in_memory() as display,
            desktop(display, Path(name), method) as one,
        ):
            for toolkit in TOOLKITS:
                found.setdefault((method.name, toolkit), []).append(_typed(one, toolkit, settings.words))
    return [figures(name, toolkit, times) for (name, toolkit), times in found.items()]


def _typed(one: Desktop, toolkit: str, words: int) -> dict[str, Any]:
    out = one.folder / f"times-{toolkit}.json"
    with window(one, toolkit, out):
        hands = ["xdotool", "type", "--delay", str(KEY_MS), text_of(words)]
        subprocess.run(hands, env=one.environment, check=True)
    shown = one.folder / "shown"
    times: dict[str, Any] = json.loads(out.read_text())
    times["shown"] = [float(line) for line in shown.read_text().split()] if shown.exists() else []
    return times


def text_of(words: int) -> str:
    """Return what is typed: prose in lower case without punctuation, some of it mistyped."""
    found = [one.word for one in ordinary(words)]
    for place in range(0, len(found), SLIP_EVERY):
        if len(found[place]) >= SHORTEST:
            found[place] = slipped(found[place])
    return " ".join(found) + " "


def _strips(settings: Settings, keyboards: Keyboards, tell: Tell) -> list[dict[str, object]]:
    names = (OURS, *(f"{BOOSTER}, {shown} shown" for shown in BOOSTER_SHOWS))
    totals = dict.fromkeys(names, Tally())

    def tried(name: str, strip: Strip, person: Person) -> None:
        tests = prompts_of(person, settings.seed, settings.rate, settings.tried)
        totals[name] = totals[name].plus(try_strip(strip, tests))

    for done, person in enumerate(settings.people):
        tell(done, len(settings.people), person.name)
        with TemporaryDirectory(prefix="quietkeys-bench-") as folder, keyboards.fresh() as keyboard:
            tried(OURS, OurStrip(keyboard), person)
            for shown in BOOSTER_SHOWS:
                with booster(Path(folder), shown) as strip:
                    tried(f"{BOOSTER}, {shown} shown", strip, person)
    return [{"engine": name, **total.figures()} for name, total in totals.items() if total.words]


def installed(package: str) -> str:
    """Return the version of a package of Debian, "" where it is not installed."""
    ask: Callable[..., Any] = subprocess.run
    ran = ask(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    return str(ran.stdout)
