"""`python -m quietkeys_ibus.watch`, what IBus starts: runs the engine, and again where it ended by accident.

IBus starts an engine once. Where that is killed keys pass to the application, and no word is put right until
the next login. So a small process, of the standard library alone, waits for the engine and starts it anew.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

SOON_S: Final = 10.0  # an engine that ends within this time was of no use
TRIES: Final = 3  # of no use in a row, then none is started any more
PAUSE_S: Final = 0.5  # before another one is started

Start = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


def watch(
    command: Sequence[str],
    start: Start = subprocess.Popen,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Run a command until it ends by itself, and return its status; once more where a signal ended it.

    With the argument `--again` then. SIGTERM and SIGINT go on to it.
    """
    useless, more = 0, list[str]()
    stopped = False
    while True:
        began = clock()
        engine = start([*command, *more])

        def stop(number: int, _frame: object, engine: subprocess.Popen[bytes] = engine) -> None:
            nonlocal stopped
            stopped = True
            engine.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        status = engine.wait()
        useless = useless + 1 if clock() - began < SOON_S else 0
        if status >= 0 or stopped or useless >= TRIES:
            return max(status, 0)
        more = ["--again"]
        wait(PAUSE_S)


def main() -> None:
    """Run the engine with the arguments of this process."""
    sys.exit(watch([sys.executable, "-P", "-m", "quietkeys_ibus", "run", "--by-ibus", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
