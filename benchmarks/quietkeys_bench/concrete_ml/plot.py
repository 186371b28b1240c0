"""The two curves as a plot, made of `peer.json`: held-out accuracy against seconds of the server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.plots import LEFT, RIGHT, WIDTH, Axes

PLOT: Final = "accuracy-and-seconds.svg"
_OURS: Final = "#00796b"
_THEIRS: Final = ("#c62828", "#6a1b9a")  # by price
_CLEAR: Final = "#616161"
_DASHES: Final = ("none", "5 3", "2 2")  # by learning rate
_LEGEND: Final = (560.0, 265.0)  # to the right of and below the curves, where none has come from
_SAMPLE: Final = 24.0
_GAP: Final = 16.0  # between lines of text


def write_plot(figures: Figures, folder: Path) -> None:
    """Write the plot into a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLOT).write_text(plot(figures), encoding="utf-8")


def plot(figures: Figures) -> str:
    """Return the plot, SVG: ours after each round, Concrete ML's rates at each price after each batch."""
    lines = list(_lines(figures))
    seconds = [x for _, _, _, points in lines for x, _ in points]
    heights = [y for _, _, _, points in lines for _, y in points]
    clear = 100.0 * figures["in_the_clear"]["accuracy"]
    low, high = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    axes = Axes(
        "seconds of the server's processor",
        f"held-out accuracy, %, mean of {len(figures['seeds'])} made-up people",
        [10.0**power for power in range(low, high + 1)],
        math.floor(min(heights)) - 1.0,
        math.ceil(max(*heights, clear)) + 1.0,
        logarithmic=True,
    )
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.up(clear):.1f}" y2="{axes.up(clear):.1f}"'
        f' stroke="{_CLEAR}"/>',
        _text(LEFT + 7.0, axes.up(clear) - 4.0, "trained in the clear", _CLEAR),
    ]
    for place, (name, colour, dashes, points) in enumerate(lines):
        path = " ".join(f"{axes.across(x):.1f},{axes.up(y):.1f}" for x, y in points)
        x, y = points[0]
        drawn = f'fill="none" stroke="{colour}" stroke-dasharray="{dashes}"'
        legend = _LEGEND[1] + _GAP * place
        parts += [
            f'<polyline points="{path}" {drawn}/>',
            f'<circle cx="{axes.across(x):.1f}" cy="{axes.up(y):.1f}" r="3" fill="{colour}"/>',
            f'<line x1="{_LEGEND[0]:.0f}" x2="{_LEGEND[0] + _SAMPLE:.0f}" y1="{legend - 4.0:.0f}"'
            f' y2="{legend - 4.0:.0f}" {drawn}/>',
            _text(_LEGEND[0] + _SAMPLE + 6.0, legend, name, colour),
        ]
    return axes.drawn(parts)


def _lines(figures: Figures) -> Iterator[tuple[str, str, str, list[tuple[float, float]]]]:
    # Name, colour, dashes, points of each curve.
    ours, *others = figures["prices"]
    yield "quietkeys", _OURS, "none", _points(figures["ours"], ours)
    for price, colour in zip(others, _THEIRS, strict=True):
        for curve, dashes in zip(figures["theirs"], cycle(_DASHES), strict=False):
            name = f"Concrete ML, {_p_error(price['p_error'])}, rate {curve['rate']:g}"
            yield name, colour, dashes, _points(curve, price)


def _points(curve: Figures, price: Figures) -> list[tuple[float, float]]:
    return [
        (number * price["cpu_seconds"], 100.0 * accuracy)
        for number, accuracy in enumerate(curve["accuracy"], 1)
    ]


def _p_error(p_error: float) -> str:
    return f"2^{math.log2(p_error):.0f}" if p_error < 1e-6 else f"{p_error:.0%}"


def _text(x: float, y: float, said: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{said}</text>'
