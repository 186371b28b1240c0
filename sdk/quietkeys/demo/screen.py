"""What the demo shows: a line for every step, live ones for those under way, the ladder at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from quietkeys.demo.figures import Cost, Figures
from quietkeys.profile.ledger import size_words

_NAMES: Final = {
    "none": "no autocorrect",
    "base": "base model",
    "local": "+ local learning",
    "raw": "+ update trained in float, raw events",
    "float": "+ update trained in float, counts",
    "reference": "+ update by the integer reference",
    "encrypted": "+ update that came back encrypted",
}


class Screen:
    """A console with live steps; use it in a `with` block."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}  # by step that ended
        self._began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._live = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    @contextmanager
    def step(self, name: str, sentence: str) -> Iterator[Step]:
        """Show a step for as long as the block lasts, then its line with its time."""
        task = self._live.add_task(sentence, total=None)
        step, began = Step(self._live, task), time.monotonic()
        try:
            yield step
        finally:
            self._live.remove_task(task)
        self.ended(name, sentence, time.monotonic() - began, step.remark)

    def ended(self, name: str, sentence: str, seconds: float, remark: str = "") -> None:
        """Print the line of a step that ended."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.say(f"{seconds:6.1f} s  {sentence}" + (f": {remark}" if remark else ""))

    def say(self, sentence: str) -> None:
        """Print a line above the live steps."""
        self.console.print(sentence, highlight=False, markup=False)

    def total_seconds(self) -> float:
        """Return the time since the screen was made."""
        return time.monotonic() - self._began


class Step:
    """A live step. remark: what its line ends with."""

    def __init__(self, live: Progress, task: TaskID) -> None:
        self._live = live
        self._task = task
        self.remark = ""

    def progress(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._live.update(self._task, completed=done, total=total)

    def rename(self, sentence: str) -> None:
        """Show another sentence from now on."""
        self._live.update(self._task, description=sentence)


def show_figures(console: Console, figures: Figures) -> None:
    """Print the ladder, what it cost, and what to make of it."""
    console.print(_ladder_table(figures))
    for line in _cost_lines(figures.cost):
        console.print(line, highlight=False, markup=False)
    machine = figures.machine
    console.print(
        f"measured: execute mode, {figures.words} words, seed {figures.seed},"
        f" {machine.cores} cores of {machine.cpu}",
        highlight=False,
        markup=False,
    )
    for sentence in conclusions(figures):
        console.print()
        console.print(sentence, highlight=False, markup=False)


def _ladder_table(figures: Figures) -> Table:
    table = Table(title="Words that come out right, on text kept back", title_justify="left")
    table.add_column("")
    table.add_column("words right", justify="right")
    table.add_column("errors against base", justify="right")
    for rung in figures.ladder:
        change = "" if rung.rung == "base" else f"{rung.errors_vs_base:+.1%}"
        table.add_row(_NAMES[rung.rung], f"{rung.word_accuracy:.2%}", change)
    return table


def _cost_lines(cost: Cost) -> list[str]:
    return [
        f"security: {cost.security_bits} bits; p_error {cost.p_error:.1e} per look-up;"
        f" {cost.bootstraps} look-ups",
        f"left the device: evaluation keys {size_words(cost.evaluation_key_bytes)},"
        f" report {size_words(cost.upload_bytes)}; came back: {size_words(cost.download_bytes)}",
        f"trainer: {cost.server_seconds:.1f} s, at most {size_words(cost.worker_peak_rss_bytes)} of memory",
    ]


def conclusions(figures: Figures) -> list[str]:
    """Return plain sentences: what was gained, what the trainer saw, what this does not show."""
    errors = {rung.rung: 1.0 - rung.word_accuracy for rung in figures.ladder}
    local = _change(errors["base"], errors["local"])
    update = _change(errors["local"], errors["encrypted"])
    stays = "" if figures.applied else " This profile stays with local learning."
    return [
        f"What was gained: local learning made {local} errors than the base model, and the encrypted update"
        f" {update} again. {figures.reason}{stays}",
        f"What the trainer saw: {size_words(figures.cost.evaluation_key_bytes)} of keys that only compute and"
        f" {size_words(figures.cost.upload_bytes)} of ciphertexts, of the same size whoever types whatever."
        " It saw no word, no count and no weight, and it does not learn whether the update was applied.",
        "To be honest: with one person and one device, this update could be computed locally in milliseconds,"
        " and the device did so to check the trainer. What a trainer adds: several devices of one person"
        " joined, later several people, and a plan that a model owner improves centrally; none of it readable"
        " by the service.",
    ]


def _change(before: float, after: float) -> str:
    share = (after - before) / before if before else 0.0
    if abs(share) < 5e-4:
        return "neither fewer nor more"
    return f"{abs(share):.1%} {'fewer' if share < 0 else 'more'}"
