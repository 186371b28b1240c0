"""`quietkeys bench latency`: how fast the keyboard is there, answers and learns, and the memory it takes.

Every repeat is a fresh interpreter on one core and one thread. `open_s` and memory are the medians of the
repeats, times of keys and of learnt words are pooled: on the clock, and as processor time, which other work
on the machine changes less.
"""

from __future__ import annotations

import os
import sys
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
_CHILD: Final = "quietkeys_bench.latency.child"
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
        modules = ",".join(libraries_of(children[0]["modules"]))
        libraries = [_ask(["-m", _CHILD, modules], "") for _ in range(settings.repeat)]
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
        **figures(children, len(short), median(bare), median(libraries)),
    }
    write_figures(out, "latency", tree)


def libraries_of(modules: Sequence[str]) -> list[str]:
    """Return the packages among loaded modules that are neither Python's own nor ours."""
    packages = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    return sorted(name for name in packages if not name.startswith(("_", "quietkeys")))


def figures(
    children: Sequence[dict[str, Any]], short: int, bare_bytes: float, library_bytes: float
) -> dict[str, object]:
    """Return the figures of what children measured; their first `short` words are the ordinary ones.

    bare_bytes: of an interpreter that imported nothing. library_bytes: of one with our libraries alone.
    """
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
        "library_rss_bytes": int(library_bytes - bare_bytes),
        "modules": len(loaded),
        "heavy_modules": sorted({name.partition(".")[0] for name in loaded}.intersection(HEAVY)),
        "load": max(child["load"] for child in children),
        **_times(children, short, "ms"),
        **_times(children, short, "cpu_ms"),
        "suggest_calls": sum(len(child["keystrokes_ms"][short:]) for child in children),
        "all_keystrokes_calls": sum(len(keys) for child in children for keys in child["keystrokes_ms"]),
        "record_calls": sum(len(child["records_ms"]) for child in children),
    }


def _times(children: Sequence[dict[str, Any]], short: int, clock: str) -> dict[str, float]:
    # clock: "ms", or "cpu_ms" for processor time.
    words = [keys for child in children for keys in child[f"keystrokes_{clock}"]]
    pooled = {
        "suggest": [keys[-1] for child in children for keys in child[f"keystrokes_{clock}"][short:]],
        "all_keystrokes": [key for keys in words for key in keys],
        "record": [one for child in children for one in child[f"records_{clock}"]],
    }
    return {
        f"{name}_p{share}_{clock}": float(np.percentile(times, share))
        for name, times in pooled.items()
        for share in (50, 95)
    }


def _child(keyboards: Keyboards, typing: Sequence[Typing]) -> dict[str, Any]:
    lines = "".join(f"{one.line()}\n" for one in typing)
    with TemporaryDirectory(prefix="quietkeys-bench-") as folder:
        profile = str(Path(folder) / "profile")
        said = _ask(["-m", _CHILD, profile, *keyboards.arguments()], lines)
    found: dict[str, Any] = said
    return found


def _ask(arguments: Sequence[str], told: str) -> Any:
    return ask(arguments, told, LONGEST_S, _ONE_THREAD)
