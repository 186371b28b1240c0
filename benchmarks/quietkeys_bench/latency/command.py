"""`quietkeys bench latency` and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, facts, machine_of, measuring, say
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.latency.bench import REPEATS, Settings, run


def latency(
    json: Json,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Fresh processes to measure")] = REPEATS,
) -> None:
    """Measure how fast the keyboard is there, how fast it answers, and the memory it takes."""
    with measuring() as tell:
        run(Settings(repeat), json, tell)
    show(Console(), read_figures(json, "latency"))


def show(console: Console, figures: Figures) -> None:
    """Print the figures, a line each."""
    parts = {f"  {name.replace('_', ' ')}": took for name, took in figures["open_parts_s"].items()}
    last = f"last key of a {figures['long_letters']}-letter word, after {figures['context_words']} words"
    rows = {
        "there after": f"{figures['open_s']:.2f} s",
        **{name: f"{took:.2f} s" for name, took in parts.items()},
        "memory added": f"{figures['added_rss_bytes'] / 1e6:.0f} MB",
        "  of which libraries": f"{figures['library_rss_bytes'] / 1e6:.0f} MB",
        "modules loaded": str(figures["modules"]),
        "  heavy ones": ", ".join(figures["heavy_modules"]) or "none",
        **_both(figures, "suggest", last),
        **_both(figures, "all_keystrokes", "every key"),
        **_both(figures, "record", "learning a word"),
    }
    console.print(facts(f"Bundle {figures['bundle_version']}, an empty profile", rows))
    say(
        console,
        f"Medians of {figures['repeats']} fresh processes; {figures['suggest_calls']} last keys,"
        f" {figures['all_keystrokes_calls']} keys in all, {figures['record_calls']} words learnt."
        f" In brackets: processor time. Others kept the machine busy up to a load of {figures['load']:.1f}.",
        f"{machine_of(figures)}, of which 1 is used, 1 thread",
    )


def _both(figures: Figures, name: str, heading: str) -> dict[str, str]:
    return {
        f"{heading}, p{share}": f"{figures[f'{name}_p{share}_ms']:.1f} ms"
        f" ({figures[f'{name}_p{share}_cpu_ms']:.1f})"
        for share in (50, 95)
    }
