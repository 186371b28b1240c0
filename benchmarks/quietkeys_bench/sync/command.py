"""`quietkeys bench sync` and what it prints."""

from __future__ import annotations

from rich.console import Console

from quietkeys_bench.common.command import Json, facts, machine_of, measuring, say, table
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.sync.bench import Settings, run


def sync(json: Json) -> None:
    """Measure what a sync costs against its estimate, and what the host application notices of it."""
    with measuring() as tell:
        run(Settings(), json, tell)
    show(Console(), read_figures(json, "sync"))


def show(console: Console, figures: Figures) -> None:
    """Print measured over estimated, and what the host noticed."""
    over = table("Measured over estimated", ("figure",), ("ratio",))
    for name, ratio in figures["measured_over_estimated"].items():
        over.add_row(name.replace("_", " "), f"{ratio:.2f}")
    host = figures["host"]
    rows = {
        "suggest p95 without a sync": f"{host['suggest_idle_p95_ms']:.1f} ms",
        "suggest p95 during a sync": f"{host['suggest_sync_p95_ms']:.1f} ms",
        "  over that without": f"{host['sync_over_idle']:.2f} times",
        "suggest p95 while encrypting": f"{host['suggest_encrypting_p95_ms']:.1f} ms",
        "suggest, the worst": f"{host['suggest_worst_ms']:.0f} ms",
        "memory added": f"{host['added_rss_bytes'] / 1e6:+.1f} MB",
        "heavy modules": ", ".join(host["heavy_modules"]) or "none",
    }
    console.print(over)
    console.print(facts("The host application", rows))
    say(console, f"{machine_of(figures)}, the trainer on one of them")
