"""Measures every figure that the documents state: `python tools/bench.py --data DIR [--quick]`.

The list is `quietkeys_bench.every`. Everything goes to `benchmarks/results`, a command at a time, once it is
whole; a run that was stopped goes on where it was. Quick figures go to `build/bench-quick` and nowhere else.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from quietkeys_bench.every import EVERY, measure_all

ROOT: Final = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure; return 1 where a command failed, which the others do not wait for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with people/, misspellings/, ...")
    parser.add_argument("--quick", action="store_true", help="the same code at small numbers")
    given = parser.parse_args()
    begin = time.monotonic()
    work = ROOT / "build" / ("bench-quick" if given.quick else "bench")
    results = None if given.quick else ROOT / "benchmarks" / "results"
    failed = measure_all(given.data, work, results, lambda line: print(line, flush=True))
    print(f"{len(EVERY) - len(failed)} of {len(EVERY)} measured, {time.monotonic() - begin:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}. The same command goes on with these.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
