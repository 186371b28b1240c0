"""Times our keyboard in a fresh interpreter: `python -m quietkeys_bench.latency.child`, a JSON on stdout.

Nothing is imported before the clock starts but what the interpreter has anyway. On stdin comes one line for
every word to type, `context`, tab, `word`. Suggestions before them fill memory (WARM_UP) and are not timed.
After all keys are timed, as on an empty profile, the words are learnt, and that is timed too.

With one argument, packages with commas between, it imports these alone and says what memory that takes.
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

    from quietkeys import Personalizer

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
    typed = [_typed(keyboard, context, word) for context, word in words]
    learnt = [_learnt(keyboard, context, word) for context, word in words]
    keyboard.close()
    import json

    json.dump(
        {
            "import_s": imported - begin,
            "open_s": opened - opening,
            "first_suggest_s": suggested - opened,
            "resident_bytes": resident,
            "modules": modules,
            "load": os.getloadavg()[0],
            "keystrokes_ms": [[took for took, _ in keys] for keys in typed],
            "keystrokes_cpu_ms": [[worked for _, worked in keys] for keys in typed],
            "records_ms": [took for took, _ in learnt],
            "records_cpu_ms": [worked for _, worked in learnt],
        },
        sys.stdout,
    )


def _typed(keyboard: Personalizer, context: str, word: str) -> list[tuple[float, float]]:
    # What every key of a word took, after a space that asked for the next word.
    from functools import partial

    keyboard.suggest(context, "")
    return [_timed(partial(keyboard.suggest, context, word[:end])) for end in range(1, len(word) + 1)]


def _learnt(keyboard: Personalizer, context: str, word: str) -> tuple[float, float]:
    # What it took to record a word that the keyboard has just judged, as it was typed.
    from functools import partial

    keyboard.suggest(context, word)
    return _timed(partial(keyboard.record, context, word, word))


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    # (milliseconds on the clock, milliseconds of processor time of all threads)
    begin, worked = time.perf_counter(), time.process_time()
    call()
    done, ended = time.process_time(), time.perf_counter()
    return 1000.0 * (ended - begin), 1000.0 * (done - worked)


def libraries(names: str) -> None:
    """Say the memory of this process after it has imported packages, those that can be (commas between)."""
    from contextlib import suppress
    from importlib import import_module

    for name in names.split(","):
        with suppress(ImportError):
            import_module(name)
    sys.stdout.write(str(resident_bytes()))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        libraries(sys.argv[1])
    else:
        main(*sys.argv[1:4])
