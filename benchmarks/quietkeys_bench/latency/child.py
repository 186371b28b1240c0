"""Times our keyboard in a fresh interpreter: `python -m quietkeys_bench.latency.child`, a JSON on stdout.

Nothing is imported before the clock starts but what the interpreter has anyway. On stdin comes one line for
every word to type, `context`, tab, `word`; the first are typed only to fill memory (WARM_UP), all others
are timed.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = (
    False  # a type checker takes it for true; `typing` itself would take time before the clock starts
)
if TYPE_CHECKING:
    from collections.abc import Callable

    from quietkeys import Suggestions

    Suggest = Callable[[str, str], Suggestions]

WARM_UP = 200  # suggestions before memory is read
PAGE = os.sysconf("SC_PAGE_SIZE")
_WARM_CONTEXT = "it was the best of times and it was the worst of times"
_WARM_WORDS = "tomorow there are seventeen differnt questions about breakfast and yesterday evening".split()  # noqa: SIM905


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM."""
    with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - nothing may be imported here
        return int(stream.read().split()[1]) * PAGE


def main(profile: str, bundle: str, keys: str) -> None:
    """Measure a keyboard on the bundle in a folder, signed by one of some keys (hex, commas between)."""
    begin = time.perf_counter()
    from quietkeys import Personalizer

    imported = time.perf_counter()
    from pathlib import Path

    trusted = [bytes.fromhex(key) for key in keys.split(",")]
    opening = time.perf_counter()
    keyboard = Personalizer.open(profile, bundle=Path(bundle), trusted_keys=trusted)
    opened = time.perf_counter()
    keyboard.suggest("see you", "tomorow")
    suggested = time.perf_counter()
    modules = sorted(sys.modules)
    done = 1
    while done < WARM_UP:
        word = _WARM_WORDS[done % len(_WARM_WORDS)]
        for end in range(len(word) + 1):
            keyboard.suggest(_WARM_CONTEXT, word[:end])
            done += 1
    resident = resident_bytes()

    words = [line.rstrip("\n").split("\t") for line in sys.stdin]
    keystrokes = [_typed(keyboard.suggest, context, word) for context, word in words]
    keyboard.close()
    import json

    json.dump(
        {
            "import_s": imported - begin,
            "open_s": opened - opening,
            "first_suggest_s": suggested - opened,
            "resident_bytes": resident,
            "modules": modules,
            "keystrokes_ms": keystrokes,
        },
        sys.stdout,
    )


def _typed(suggest: Suggest, context: str, word: str) -> list[float]:
    # Milliseconds of every key of a word, after a space that asked for the next word.
    suggest(context, "")
    found = []
    for end in range(1, len(word) + 1):
        begin = time.perf_counter()
        suggest(context, word[:end])
        found.append(1000.0 * (time.perf_counter() - begin))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:4])
