"""From cells to the figures of `alternatives.json`: a row a way over people, and a row a person and way.

People weigh the same in accuracies and costs; shares are of all such words of all people. A way that was not
measured of everybody is compared on those of whom it was: its base and its local memory are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from quietkeys_bench.alternatives.ways import WAYS, Way
from quietkeys_bench.common.figures import Figures

SHARES: Final = ("slips_fixed", "misspellings_fixed", "good_altered", "own_kept")
COSTS: Final = (
    "upload_bytes",
    "download_bytes",
    "once_bytes",
    "device_seconds",
    "server_seconds",
    "round_trips",
)


def summary(cells: Sequence[Figures]) -> Figures:
    """Return `ways` and `people` of cells (`alternative.json`)."""
    rows = [_row(way, own) for way in WAYS if (own := [cell for cell in cells if cell["way"] == way.name])]
    names = sorted({cell["person"] for cell in cells})
    return {
        "ways": rows,
        "people": [
            {"person": name, "ways": [_of_person(cell) for cell in cells if cell["person"] == name]}
            for name in names
        ],
    }


def gated(cell: Figures) -> int:
    """Return the words that come out right where what the gate refuses is not used."""
    return int(cell["right"] if cell["applied"] else cell["local_right"])


def _row(way: Way, cells: Sequence[Figures]) -> Figures:
    tested = [cell["words_tested"] for cell in cells]
    base, local, right = (
        float(np.mean([cell[name] / words for cell, words in zip(cells, tested, strict=True)]))
        for name in ("base_right", "local_right", "right")
    )
    through = float(np.mean([gated(cell) / words for cell, words in zip(cells, tested, strict=True)]))
    attacks = [cell["attack"] for cell in cells]
    return {
        "way": way.name,
        "title": way.title,
        "party": way.party,
        "sees": way.sees,
        "epsilon": way.epsilon or None,
        "people": len(cells),
        "executed": sum(cell["mode"] == "execute" for cell in cells),
        "word_accuracy": right,
        "removed_of_base": _removed(base, right),
        "removed_of_local": _removed(local, right),
        "removed_of_local_gated": _removed(local, through),
        **{name: _share([cell[name] for cell in cells]) for name in SHARES},
        "followed": float(np.mean([cell["followed"] for cell in cells])),
        "applied": float(np.mean([cell["applied"] for cell in cells])),
        "worse": float(np.mean([cell["right"] < cell["local_right"] for cell in cells])),
        "costs": {name: _mean([cell["costs"][name] for cell in cells]) for name in COSTS},
        "attack": _attack(attacks),
    }


def _of_person(cell: Figures) -> Figures:
    return {
        "way": cell["way"],
        "mode": cell["mode"],
        "words_tested": cell["words_tested"],
        "right": cell["right"],
        "local_right": cell["local_right"],
        "base_right": cell["base_right"],
        "applied": cell["applied"],
        "habits_recovered": cell["attack"]["habits_recovered"],
    }


def _attack(attacks: Sequence[Figures]) -> Figures:
    return {
        "own_words": sum(one["own_words"] for one in attacks),
        "own_words_recovered": sum(one["own_words_recovered"] for one in attacks),
        "habits": sum(one["habits"] for one in attacks),
        "habits_recovered": sum(one["habits_recovered"] for one in attacks),
        "by_chance": sum(one["by_chance"] for one in attacks),
    }


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _removed(before: float, after: float) -> float:
    return (after - before) / (1.0 - before) if before < 1.0 else 0.0


def _share(pairs: Sequence[Sequence[int]]) -> float | None:
    counted, among = (sum(pair[place] for pair in pairs) for place in (0, 1))
    return counted / among if among else None
