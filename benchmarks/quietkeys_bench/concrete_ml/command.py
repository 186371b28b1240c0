"""`quietkeys bench peer` and what it prints: prices, and the server's seconds to the same accuracy."""

from __future__ import annotations

from math import log2
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from quietkeys_bench.common.command import machine_of, measuring, say, table, whole_numbers
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.concrete_ml.bench import Settings, run
from quietkeys_bench.concrete_ml.plot import write_plot

_KEYS: Final = 1e6
_SENT: Final = 1e3
_MEMORY: Final = 1e9


def peer(
    json: Annotated[
        Path, typer.Option(help="Where the figures go; a JSON for each price and curve beside it")
    ],
    seeds: Annotated[
        str, typer.Option(help="Of the made-up people; encrypted is the first alone")
    ] = "0,1,2,3,4",
    batches: Annotated[int, typer.Option(min=1, help="Of Concrete ML's curves")] = 200,
    rates: Annotated[str, typer.Option(help="Its learning rates, 1 as it is shipped")] = "1,0.5,0.25",
    execute: Annotated[
        int, typer.Option(min=1, max=100, help="Batches run encrypted, as Concrete ML is shipped")
    ] = 2,
    strict: Annotated[
        int, typer.Option(min=0, max=100, help="Batches run encrypted at 2^-40; 0: what its compiler expects")
    ] = 1,
    pages: Annotated[Path | None, typer.Option(help="Folder that the plot is written into")] = None,
) -> None:
    """Measure what quietkeys and Concrete ML pay for the same held-out accuracy."""
    with measuring() as tell:
        settings = Settings(
            whole_numbers(seeds),
            batches=batches,
            rates=[float(rate) for rate in rates.split(",")],
            executed=execute,
            strict=strict,
        )
        run(settings, json, tell)
        if pages is not None:
            write_plot(read_figures(json, "peer"), pages)
    show(Console(), read_figures(json, "peer"))


def show(console: Console, figures: Figures) -> None:
    """Print the price of a round and of a batch, and what both pay for the same accuracy."""
    console.print(_prices(figures))
    unsure = [price for price in figures["prices"] if not price["measured"]]
    say(console, *(f"{price['name']}: {price['how']}" for price in unsure))
    for place in range(len(figures["prices"]) - 1):
        console.print(_equal(figures, place))
    clear, ours = figures["in_the_clear"], figures["ours"]
    say(
        console,
        f"{len(figures['seeds'])} made-up people; in the clear {_percent(clear['accuracy'])} in"
        f" {1e3 * clear['cpu_seconds']:.1f} ms, quietkeys after one round {_percent(ours['accuracy'][0])}.",
        f"-: not in {len(figures['theirs'][0]['accuracy'])} batches or {len(ours['accuracy'])} rounds.",
        "Seconds are of the server's processor: the price of what was run encrypted, times how many."
        " rate: Concrete ML's learning rate, 1 as shipped.",
        machine_of(figures),
    )


def _prices(figures: Figures) -> Table:
    shown = table(
        "A round of quietkeys, a batch of Concrete ML",
        ("trained",),
        ("error", "CPU s", "look-ups", "keys MB", "up KB", "down KB", "GB"),
    )
    for price in figures["prices"]:
        shown.add_row(
            price["name"].split(",")[0],
            _p_error(price["p_error"]),
            f"{price['cpu_seconds']:.1f}",
            str(price["bootstraps"]),
            *(
                "-" if price[name] is None else f"{price[name] / unit:.1f}"
                for name, unit in (
                    ("key_bytes", _KEYS),
                    ("upload_bytes", _SENT),
                    ("download_bytes", _SENT),
                    ("peak_rss_bytes", _MEMORY),
                )
            ),
        )
    return shown


def _equal(figures: Figures, place: int) -> Table:
    # At one of Concrete ML's prices.
    price = figures["prices"][1 + place]
    shown = table(
        f"The server's seconds to the same held-out accuracy, {price['name']}",
        ("rate", "accuracy"),
        ("%", "batches", "theirs", "ours", "ratio"),
    )
    for row in figures["equal"]:
        theirs = row["theirs"][place]
        shown.add_row(
            f"{row['rate']:g}",
            row["target"],
            f"{100 * row['accuracy']:.1f}",
            str(row["batches"] or "-"),
            _seconds(theirs["seconds"]),
            _seconds(row["ours_seconds"]),
            "-" if theirs["ratio"] is None else f"1/{1 / theirs['ratio']:.0f}",
        )
    return shown


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def _p_error(p_error: float) -> str:
    return f"{p_error:g}" if p_error > 1e-6 else f"2^{log2(p_error):.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
