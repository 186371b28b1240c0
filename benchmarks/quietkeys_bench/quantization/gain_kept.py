"""From people to the rows of `quietkeys bench quantization`: how much of floating point's gain is kept.

Errors are summed over people; log-likelihoods are means over people of means per choice. Gains are against
local memory alone. Where floating point gains nothing there is nothing to keep, and the figure is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Figures = dict[str, Any]


def keep(cells: Sequence[Figures], described: Sequence[Figures]) -> Figures:
    """Return people, rows and the shipped blocks together, as in `quantization.json`."""
    local = [cell["local"] for cell in cells]
    rows = []
    for number, description in enumerate(described):
        found = [(cell["rows"][number], cell["local"]) for cell in cells]
        fitting = [(row, alone) for row, alone in found if row is not None]
        rows.append(description | {"people": len(fitting)} | _row(fitting))
    return {
        "people": [
            {
                "name": cell["person"],
                "words_learnt": cell["words_learnt"],
                "words_tested": cell["words_tested"],
                "errors": cell["local"]["errors"],
            }
            for cell in cells
        ],
        "together": _gains([cell["together"] for cell in cells], local),
        "rows": rows,
    }


def _row(fitting: Sequence[tuple[Figures, Figures]]) -> Figures:
    if not fitting:
        return {"gain": None, "agreement": None}
    rows = [row for row, _ in fitting]
    away = np.array([row["relative_l2"] for row in rows])  # [people, draws]
    slope = np.array([row["slope"] for row in rows])
    return {
        "gain": _gains(rows, [alone for _, alone in fitting]),
        "agreement": {
            "relative_l2": float(away.mean()),
            "relative_l2_90": float(np.quantile(away, 0.9)),
            "relative_l2_worst": float(away.max()),
            "slope": float(slope.mean()),
            "slope_lowest": float(slope.min()),
            "slope_highest": float(slope.max()),
        },
    }


def _gains(rows: Sequence[Figures], local: Sequence[Figures]) -> Figures:
    # The share of errors removed, the rise of the log-likelihood, and how much of float's the others keep.
    removed = {kind: _removed(rows, local, kind) for kind in ("float", "reference", "noisy")}
    rise = {kind: _rise(rows, local, kind) for kind in ("float", "reference", "noisy")}
    return {
        "errors_removed": removed,
        "log_likelihood_gained": rise,
        "errors_kept": {kind: _share(removed, kind) for kind in ("reference", "noisy")},
        "log_likelihood_kept": {kind: _share(rise, kind) for kind in ("reference", "noisy")},
        "same_best": float(np.mean([row["same_best"] for row in rows])),
        "same_best_worst": float(min(row["same_best"] for row in rows)),
    }


def _removed(rows: Sequence[Figures], local: Sequence[Figures], kind: str) -> float:
    before = sum(alone["errors"] for alone in local)
    after = sum(row[kind]["errors"] for row in rows)
    return float((before - after) / before) if before else 0.0


def _rise(rows: Sequence[Figures], local: Sequence[Figures], kind: str) -> float:
    pairs = zip(rows, local, strict=True)
    return float(np.mean([row[kind]["log_likelihood"] - alone["log_likelihood"] for row, alone in pairs]))


def _share(gain: Figures, kind: str) -> float | None:
    return gain[kind] / gain["float"] if gain["float"] > 0.0 else None
