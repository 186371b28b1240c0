"""`quietkeys bench latency`: how fast the keyboard is there, how fast it answers, and the memory it takes.

Every repeat is a fresh interpreter on one core and one thread. `open_s` and memory are the medians of the
repeats, times of keys are pooled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import ask, one_core
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_bench.common.texts import CONTEXT_WORDS, LONG, ORDINARY, Typing, long_words, ordinary

REPEATS: Final = 3
HEAVY: Final = ("torch", "concrete", "kivy", "fastapi")  # what the typing path must not load
LONGEST_S: Final = 600.0  # until a child that hangs is ended
_BARE: Final = "print(open('/proc/self/statm').read().split()[1])"
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure. ordinary: words of any length. long: words of LONG letters, 0 for all."""

    repeat: int = REPEATS
    ordinary: int = ORDINARY
    long: int = 0


def run(settings: Settings, out: Path, tell: Tell, keyboards: Keyboards | None = None) -> None:
    """Measure and write the figures. Raises Untrusted, ChildFailed, OSError."""
    keyboards = Keyboards() if keyboards is None else keyboards
    bundle, machine = keyboards.bundle(), this_machine().tree()
    short, long = ordinary(settings.ordinary), long_words()[: settings.long or None]
    children: list[dict[str, Any]] = []
    with one_core():
        for done in range(settings.repeat):
            tell(done, settings.repeat, "a fresh interpreter")
            children.append(_child(keyboards, [*short, *long]))
        bare = [_ask(["-c", _BARE], "") * os.sysconf("SC_PAGE_SIZE") for _ in range(settings.repeat)]
    tree = {
        "bench": "latency",
        "mode": "clear",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": machine,
        "timed_on_cores": 1,
        "repeats": settings.repeat,
        "context_words": CONTEXT_WORDS,
        "long_letters": LONG,
        **figures(children, len(short), median(bare)),
    }
    write_figures(out, "latency", tree)


def figures(children: Sequence[dict[str, Any]], short: int, bare_bytes: float) -> dict[str, object]:
    """Return the figures of what children measured; their first `short` words are the ordinary ones."""
    last = [keys[-1] for child in children for keys in child["keystrokes_ms"][short:]]
    every = [key for child in children for keys in child["keystrokes_ms"] for key in keys]
    parts = {
        name: float(median(child[name] for child in children))
        for name in ("import_s", "open_s", "first_suggest_s")
    }
    loaded = children[0]["modules"]
    return {
        "open_s": float(
            median(child["import_s"] + child["open_s"] + child["first_suggest_s"] for child in children)
        ),
        "open_parts_s": {
            "import": parts["import_s"],
            "open": parts["open_s"],
            "first_suggest": parts["first_suggest_s"],
        },
        "added_rss_bytes": int(median(child["resident_bytes"] for child in children) - bare_bytes),
        "bare_rss_bytes": int(bare_bytes),
        "modules": len(loaded),
        "heavy_modules": sorted({name.partition(".")[0] for name in loaded}.intersection(HEAVY)),
        "suggest_p50_ms": float(np.percentile(last, 50)),
        "suggest_p95_ms": float(np.percentile(last, 95)),
        "suggest_calls": len(last),
        "all_keystrokes_p50_ms": float(np.percentile(every, 50)),
        "all_keystrokes_p95_ms": float(np.percentile(every, 95)),
        "all_keystrokes_calls": len(every),
    }


def _child(keyboards: Keyboards, typing: Sequence[Typing]) -> dict[str, Any]:
    lines = "".join(f"{one.line()}\n" for one in typing)
    with TemporaryDirectory(prefix="quietkeys-bench-") as folder:
        profile = str(Path(folder) / "profile")
        said = _ask(["-m", "quietkeys_bench.latency.child", profile, *keyboards.arguments()], lines)
    found: dict[str, Any] = said
    return found


def _ask(arguments: Sequence[str], told: str) -> Any:
    return ask(arguments, told, LONGEST_S, _ONE_THREAD)
