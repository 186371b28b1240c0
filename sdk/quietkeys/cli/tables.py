"""What the commands print of an estimate, an inspection and an examination."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from quietkeys.answers import Hidden, Inspection
from quietkeys.cli.doctor import Finding, Health
from quietkeys.cli.estimate import Estimate
from quietkeys.profile.ledger import size_words

SIGNS: Final = {Health.GOOD: "ok  ", Health.NOTE: "note", Health.BAD: "BAD "}


def show_estimate(console: Console, one: Estimate) -> None:
    """Print what syncs cost."""
    table = Table(title="What a sync costs", title_justify="left")
    for name in ("", "first sync", "every other"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("evaluation keys up", size_words(one.keys_bytes), "-")
    table.add_row("report up", size_words(one.report_bytes), size_words(one.report_bytes))
    table.add_row("update down", size_words(one.update_bytes), size_words(one.update_bytes))
    for step in {**one.first_seconds, **one.later_seconds}:
        table.add_row(step, *(_seconds(part.get(step)) for part in (one.first_seconds, one.later_seconds)))
    table.add_row(
        "in all", *(_seconds(sum(part.values())) for part in (one.first_seconds, one.later_seconds))
    )
    console.print(table)
    for line in (
        f"on the device: {size_words(one.device_memory)} in a process of its own that ends with the sync",
        f"at the trainer: {one.look_ups} look-ups, {one.trainer_seconds:.0f} s of a machine like this one,"
        f" {size_words(one.trainer_memory)} for the job",
    ):
        _say(console, line)


def show_inspection(console: Console, one: Inspection, words: int) -> None:
    """Print what leaves, what is stored and the most used words."""
    table = Table(title="What leaves this device", title_justify="left")
    for name in ("what", "when", "bytes", "bits/byte", "begins with", "hides"):
        table.add_column(name, justify="right" if name in {"bytes", "bits/byte"} else "left")
    for leaving in one.leaves:
        table.add_row(
            leaving.what,
            leaving.when,
            f"{leaving.size:,}",
            f"{leaving.entropy:.3f}" if leaving.head else "",
            leaving.head[:8].hex(" "),
            _hides(leaving.hides),
        )
    console.print(table)
    if not one.complete:
        _say(console, "There is no key yet: keys and reports are made by the first sync.")
    table = Table(title="What is stored here", title_justify="left")
    for name in ("what", "how many", "bytes"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for stored in one.stored:
        table.add_row(stored.what, f"{stored.count:,}", f"{stored.size:,}" if stored.size else "")
    console.print(table)
    known = f"{len(one.words):,} words are known, {len(one.own_words):,} of them the lexicon lacks."
    _say(console, known)
    if words and one.words:
        shown = ", ".join(f"{word} {count:.1f}" for word, count in one.words[:words])
        _say(console, f"Most used: {shown}")


def show_finding(console: Console, finding: Finding) -> None:
    """Print one finding, with what to do about it."""
    _say(console, f"{SIGNS[finding.health]} {finding.what}")
    if finding.advice:
        _say(console, f"     {finding.advice}")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _hides(hidden: Hidden | None) -> str:
    if hidden is None:
        return ""
    return (
        f"{hidden.count} integers {hidden.lowest}..{hidden.highest}, {hidden.not_zero} not 0,"
        f" {hidden.entropy:.2f} bits each"
    )
