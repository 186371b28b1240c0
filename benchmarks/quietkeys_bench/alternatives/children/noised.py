"""Noise of a stated privacy: dp-accounting says how much, OpenDP draws it. A script of its own environment.

The request comes as JSON on standard input; the answer is JSON, the last line of standard output. What goes
in must have been clipped: no row may be longer than `sensitivity` (L2).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import dp_accounting
import opendp.prelude as dp
from dp_accounting.pld import PLDAccountant

_LEAST: Final = 0.1  # of a noise multiplier; far below, the accountant takes gigabytes
_MOST: Final = 1e3


def main() -> int:
    """Answer one request and end."""
    request = json.loads(sys.stdin.read())
    dp.enable_features("contrib")
    answers = [_noised(request, float(epsilon)) for epsilon in request["epsilons"]]
    print(json.dumps(answers))
    return 0


def _noised(request: dict[str, Any], epsilon: float) -> dict[str, Any]:
    delta = float(request["delta"])
    multiplier = dp_accounting.calibrate_dp_mechanism(
        PLDAccountant,
        lambda sigma: dp_accounting.GaussianDpEvent(sigma),
        epsilon,
        delta,
        bracket_interval=dp_accounting.ExplicitBracketInterval(_LEAST, _MOST),
    )
    accountant = PLDAccountant()
    accountant.compose(dp_accounting.GaussianDpEvent(multiplier))
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.l2_distance(T=float)
    mechanism = dp.m.make_gaussian(*space, scale=multiplier * float(request["sensitivity"]))
    begun = time.process_time()
    rows = [mechanism([float(value) for value in row]) for row in request["rows"]]
    return {
        "epsilon": epsilon,
        "accounted": accountant.get_epsilon(delta),
        "multiplier": multiplier,
        "rows": rows,
        "seconds": time.process_time() - begun,
    }


if __name__ == "__main__":
    sys.exit(main())
