"""`quietkeys bench round` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, facts, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.subject import Mode
from quietkeys_bench.round.bench import REPEAT, Settings, run
from quietkeys_bench.round.people import GainSettings


def round(  # noqa: A001 - what the command is called
    json: Json,
    against: Annotated[str, typer.Option(help="A revision of this repository, or the file of a plan")],
    repeat: Annotated[int, typer.Option(min=1, help="Jobs of each kind and side; medians count")] = REPEAT,
    plan: Annotated[
        Path | None, typer.Option(help="The file of a plan to measure instead of the shipped one")
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="Folder of *.txt or *.txt.gz: what rounds gain them, and how exactly")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="First so many people; 0: all")] = 4,
    words: Annotated[int, typer.Option(min=0, help="At most so many words of each; 0: all")] = 2400,
    mode: Annotated[Mode, typer.Option(help="Of people's rounds: simulate, or execute")] = Mode.SIMULATE,
) -> None:
    """Measure what a person's round takes, and one of another revision or plan in turn."""
    with measuring() as tell:
        gain = None if people is None else GainSettings(people, limit, words, mode=mode)
        run(Settings(against, repeat, gain, str(plan.absolute()) if plan else ""), json, tell)
    show(Console(), read_figures(json, "round"))


def show(console: Console, figures: Figures) -> None:
    """Print both sides beside each other."""
    new, other = figures["new"], figures["other"]
    shown = table(f"A round, {figures['mode']} mode, medians of {figures['repeat']}", ("",), ("new", "other"))
    rows = {
        "look-ups": [f"{one['look_ups']}" for one in (new, other)],
        "keys, MB": [f"{one['keys_bytes'] / 1e6:.1f}" for one in (new, other)],
        "report, KB": [f"{one['report_bytes'] / 1e3:.1f}" for one in (new, other)],
        "update, MB": [f"{one['update_bytes'] / 1e6:.2f}" for one in (new, other)],
        "processor s, one thread": [f"{one['one_thread']['cpu_seconds']:.1f}" for one in (new, other)],
        "processor s, all cores": [f"{one['all_cores']['cpu_seconds']:.1f}" for one in (new, other)],
        "clock s, all cores": [f"{one['all_cores']['seconds']:.1f}" for one in (new, other)],
        "bare look-up, ms": [f"{one['bare_ms']:.1f}" for one in (new, other)],
        "over bare": [f"{one['over_bare']:.2f}" for one in (new, other)],
        "next job, over bare": [_or_nothing(one["again_over_bare"]) for one in (new, other)],
    }
    for name, cells in rows.items():
        shown.add_row(name, *cells)
    console.print(shown)
    part = figures["ratios"]
    told = {
        "processor s, one thread": f"{part['one_thread_cpu_seconds']:.3f}",
        "processor s, all cores": f"{part['all_cores_cpu_seconds']:.3f}",
        "clock s, all cores": f"{part['all_cores_seconds']:.3f}",
        "keys": f"{part['keys_bytes']:.3f}",
    }
    console.print(facts("New over other", told))
    if people := figures["people"]:
        gains = table(f"{len(people['new']['people'])} people", ("",), ("new", "other"))
        for number, pair in enumerate(
            zip(people["new"]["nats_gained"], people["other"]["nats_gained"], strict=True), 1
        ):
            gains.add_row(f"nats gained, round {number}", *(f"{nats:+.4f}" for nats in pair))
        gains.add_row("same best", *(f"{people[side]['same_best']:.2%}" for side in ("new", "other")))
        console.print(gains)
    say(console, f"against {figures['against']}", machine_of(figures | {"p_error": new["p_error"]}))


def _or_nothing(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"
