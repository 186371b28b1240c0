"""Shows what the bench of latency measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from quietkeys_bench.common.figures import read_figures


def show_latency(console: Console, out: Path) -> None:
    """Print the figures, a line each."""
    figures = read_figures(out, "latency")
    parts = ", ".join(
        f"{name.replace('_', ' ')} {took:.2f}" for name, took in figures["open_parts_s"].items()
    )
    for line in (
        f"there after {figures['open_s']:.2f} s ({parts}), median of {figures['repeats']} fresh processes",
        f"memory added: {figures['added_rss_bytes'] / 1e6:.0f} MB; modules loaded: {figures['modules']}"
        f" (heavy ones: {', '.join(figures['heavy_modules']) or 'none'})",
        f"last key of a {figures['long_letters']}-letter word after {figures['context_words']} words:"
        f" p50 {figures['suggest_p50_ms']:.1f} ms, p95 {figures['suggest_p95_ms']:.1f} ms"
        f" ({figures['suggest_calls']} calls)",
        f"every key: p50 {figures['all_keystrokes_p50_ms']:.1f} ms,"
        f" p95 {figures['all_keystrokes_p95_ms']:.1f} ms ({figures['all_keystrokes_calls']} calls)",
        f"{figures['machine']['cpu']}, 1 of {figures['machine']['cores']} cores, 1 thread",
    ):
        console.print(line, highlight=False)
