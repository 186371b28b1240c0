"""Shows what the bench of a sync measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from quietkeys_bench.common.figures import read_figures


def show_sync(console: Console, out: Path) -> None:
    """Print the figures, a line each."""
    figures = read_figures(out, "sync")
    host, over = figures["host"], figures["measured_over_estimated"]
    for line in (
        "measured over estimated: "
        + ", ".join(f"{name.replace('_', ' ')} {ratio:.2f}" for name, ratio in over.items()),
        f"suggest p95: {host['suggest_idle_p95_ms']:.1f} ms idle, {host['suggest_sync_p95_ms']:.1f} ms during"
        f" a sync ({host['sync_over_idle']:.2f} times), {host['suggest_encrypting_p95_ms']:.1f} ms while"
        f" encrypting; worst {host['suggest_worst_ms']:.0f} ms",
        f"host memory: {host['added_rss_bytes'] / 1e6:+.1f} MB"
        f" (heavy modules: {', '.join(host['heavy_modules']) or 'none'})",
        f"{figures['machine']['cpu']}, {figures['machine']['cores']} cores, the trainer on one of them",
    ):
        console.print(line, highlight=False)
