"""The page and the two plots that are made of `alternatives.json`: Markdown and SVG, no library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.plots import Axes

PAGE: Final = "alternatives.md"
_COLOURS: Final = {"quietkeys": "#00796b", "nobody": "#616161", "server": "#c62828"}


def write_pages(figures: Figures, folder: Path) -> None:
    """Write the page and its plots into a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [(row, _habits(row), 100 * row["removed_of_local"]) for row in figures["ways"]]
    paid = [(row, _total_bytes(row), 100 * row["removed_of_local"]) for row in figures["ways"]]
    plots = {
        "errors-and-habits.svg": plot(found, "of ten habits, recovered by the party that sees most"),
        "errors-and-bytes.svg": plot(paid, "KB sent both ways in a round, keys left out", logarithmic=True),
    }
    for name, content in plots.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / PAGE).write_text(page(figures, list(plots)), encoding="utf-8")


def page(figures: Figures, plots: Sequence[str]) -> str:
    """Return the page: what was measured, the tables, the people."""
    machine = figures["machine"]
    lines = [
        "# Ways to learn in private, side by side",
        "",
        "Written by `quietkeys bench alternatives --pages`; what the words mean is in"
        " [the benchmarks' own page](../../benchmarks/README.md).",
        "",
        f"{len(figures['people'])} people, {figures['words_limit'] or 'all'} words each, seeds"
        f" {figures['seeds']}, {figures['rate']:.0%} of letters wrong, one round of each way, of the lists:"
        f" {figures['half']}. quietkeys: {figures['executed']} people in `execute` mode, the others in"
        f" `simulate` mode, p_error {figures['p_error']:.1e}; everything else in the clear. {machine['cpu']},"
        f" {machine['cores']} cores, Python {machine['python']}; seconds are of the processor.",
        "",
        "## What is gained",
        "",
        "Of the errors that local memory leaves: removed as it is, and through the device's gate.",
        "",
        "| way | people | removed | gated | slips right | misspellings right | good altered | own kept |"
        " worse off |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_gain(row) for row in figures["ways"]),
        "",
        "## What is paid, and what is given away",
        "",
        "| way | KB up | KB down | KB once | device, s | server, s | round trips |"
        " who sees most | what | own words recovered | habits of ten |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_price(row) for row in figures["ways"]),
        "",
        _chance(figures),
        "",
        *(
            line
            for name in plots
            for line in (f"![{name.removesuffix('.svg').replace('-', ' ')}]({name})", "")
        ),
        "## Person by person",
        "",
        "Words right of those tested, more (+) or fewer than with local memory alone.",
        "",
        *_people(figures),
    ]
    return "\n".join(lines) + "\n"


def plot(points: Sequence[tuple[Figures, float, float]], along: str, *, logarithmic: bool = False) -> str:
    """Return a scatter plot, SVG: errors removed in per cent against `along`."""
    marks = [10.0**power for power in range(-1, 5)] if logarithmic else [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    if logarithmic:
        points = [(row, max(x, marks[0]), y) for row, x, y in points]
    axes = Axes(
        along,
        "errors of local memory removed, %",
        marks,
        min(0.0, *(y for _, _, y in points)) - 1.0,
        max(1.0, *(y for _, _, y in points)) + 1.0,
        logarithmic,
    )
    parts: list[str] = []
    labelled: list[tuple[float, float]] = []
    for row, x, y in points:
        place, height = axes.across(x), axes.up(y)
        parts.append(f'<circle cx="{place:.1f}" cy="{height:.1f}" r="4" fill="{_colour(row)}"/>')
        label = height + 4.0
        while any(abs(label - other) < 11 and abs(place - beside) < 150 for beside, other in labelled):
            label += 11.0
        labelled.append((place, label))
        parts.append(f'<text x="{place + 7:.1f}" y="{label:.1f}">{row["title"]}</text>')
    return axes.drawn(parts)


def _colour(row: Figures) -> str:
    return _COLOURS["quietkeys" if row["title"].startswith("quietkeys") else row["party"]]


def _habits(row: Figures) -> float:
    return float(10.0 * row["attack"]["habits_recovered"] / row["attack"]["habits"])


def _total_bytes(row: Figures) -> float:
    return float(row["costs"]["upload_bytes"] + row["costs"]["download_bytes"]) / 1000.0


def _gain(row: Figures) -> str:
    names = (
        "removed_of_local",
        "removed_of_local_gated",
        "slips_fixed",
        "misspellings_fixed",
        "good_altered",
    )
    shares = [_percent(row[name]) for name in (*names, "own_kept", "worse")]
    return f"| {row['title']} | {row['people']} | " + " | ".join(shares) + " |"


def _price(row: Figures) -> str:
    costs, attack = row["costs"], row["attack"]
    sizes = [f"{costs[name] / 1000.0:.1f}" for name in ("upload_bytes", "download_bytes", "once_bytes")]
    seconds = [
        "not run" if costs[n] is None else f"{costs[n]:.2f}" for n in ("device_seconds", "server_seconds")
    ]
    words = f"{attack['own_words_recovered']} of {attack['own_words']}"
    told = f"{_habits(row):.1f}"
    cells = [
        row["title"],
        *sizes,
        *seconds,
        f"{costs['round_trips']:.0f}",
        row["party"],
        row["sees"],
        words,
        told,
    ]
    return "| " + " | ".join(cells) + " |"


def _chance(figures: Figures) -> str:
    attack = figures["ways"][0]["attack"]
    chance = 10.0 * attack["by_chance"] / attack["habits"]
    return (
        f"Luck finds {chance:.1f} habits of ten. The attack is a simple reconstruction: a lower bound of what"
        " a party can find out, never an upper one. Bytes are of what is sent, without TLS or HTTP around it."
    )


def _people(figures: Figures) -> list[str]:
    ways = [row["way"] for row in figures["ways"] if row["way"] != "local"]
    lines = ["| person | words | local | " + " | ".join(ways) + " |", "|---" * (len(ways) + 3) + "|"]
    for person in figures["people"]:
        cells = {one["way"]: one for one in person["ways"]}
        local = cells["local"]
        told = [
            "-" if way not in cells else f"{cells[way]['right'] - cells[way]['local_right']:+d}"
            for way in ways
        ]
        lines.append(
            f"| {person['person']} | {local['words_tested']} | {local['right']} | " + " | ".join(told) + " |"
        )
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
