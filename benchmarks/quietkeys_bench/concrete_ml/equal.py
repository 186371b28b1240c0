"""From curves and prices: the server's seconds to the same held-out accuracy, and their ratio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from quietkeys_bench.common.figures import Figures

COIN: Final = 0.5  # the accuracy of who knows nothing
SHARES: Final = (0.5, 0.75, 0.9)  # of what training in the clear gains over a coin
ONE_ROUND: Final = "quietkeys, one round"
MOST: Final = "the most both reach"


def first(accuracy: Sequence[float], least: float) -> int | None:
    """Return after how many rounds or batches a curve is at least there for the first time, from 1."""
    return next((number for number, value in enumerate(accuracy, 1) if value >= least), None)


def equals(
    optimum: float, ours: Figures, theirs: Sequence[Figures], prices: Sequence[Figures]
) -> list[Figures]:
    """Return, for each curve of Concrete ML and each accuracy, what both pay to get there.

    optimum: accuracy of training in the clear. prices: ours first, then Concrete ML's.
    """
    return [
        {
            "rate": curve["rate"],
            "target": name,
            "accuracy": least,
            **_paid(first(ours["accuracy"], least), first(curve["accuracy"], least), prices),
        }
        for curve in theirs
        for name, least in _targets(optimum, ours, curve)
    ]


def _targets(optimum: float, ours: Figures, curve: Figures) -> Iterator[tuple[str, float]]:
    for share in SHARES:
        yield f"{share:.0%} of the clear's gain", round(COIN + share * (optimum - COIN), 4)
    yield MOST, min(max(ours["accuracy"]), max(curve["accuracy"]))
    yield ONE_ROUND, ours["accuracy"][0]


def _paid(rounds: int | None, batches: int | None, prices: Sequence[Figures]) -> Figures:
    price, *others = prices
    seconds = None if rounds is None else rounds * price["cpu_seconds"]
    theirs = [None if batches is None else batches * other["cpu_seconds"] for other in others]
    return {
        "rounds": rounds,
        "batches": batches,
        "ours_seconds": seconds,
        "theirs": [
            {
                "p_error": other["p_error"],
                "seconds": paid,
                "ratio": None if seconds is None or paid is None else seconds / paid,
            }
            for other, paid in zip(others, theirs, strict=True)
        ],
    }
