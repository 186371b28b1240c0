"""What `quietkeys bench personalization` prints of studies: a table each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.table import Table

from quietkeys_bench.common.command import table
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.personalization.study import REVIEW_WORDS, Study

_TITLES: Final = {
    Study.BLOCKS: "Updates of some blocks alone",
    Study.MEMORY: "An update where nothing is remembered",
    Study.CURVE: "By words learnt",
    Study.DRIFT: "One update, and other text after it",
    Study.HOSTILE: "Wrong words kept on purpose",
}
_SHOWN: Final = {  # heading by figure
    "people": "n",
    "local_removes": "local",
    "update_removes": "update",
    "in_use_removes": "in use",
    "in_use_interval": "90 %",
    "all_removes": "all",
    "applied": "gate",
    "taken_back": "back",
    "since_before": "since",
}
_OF_SOME: Final = {  # figures that not every study shows
    "all_removes": set(Study) - {Study.DRIFT},
    "taken_back": {Study.DRIFT},
    "since_before": {Study.CURVE},
}
EXPLAINED: Final = (
    "Studies, local: of the errors of base, removed by local memory; update, in use: of those left, removed"
    " by the update as it is, and by what a device would use of it; all: of the errors of base, by memory and"
    " what is in use. 90 %: of what is in use, by resampling people. gate: updates of which it took every"
    " round.",
    f"Drift, back: updates that a review, every {REVIEW_WORDS} words, took out of use. Curve, since: of the"
    " errors at the point before, of the same people, gone at this one.",
)


def study_tables(rows: Sequence[Figures], rate: float) -> Iterator[Table]:
    """Yield a table of each study in these rows."""
    for study in Study:
        own = [row for row in rows if row["study"] == study.value]
        if not own:
            continue
        names = [name for name in _SHOWN if study in _OF_SOME.get(name, Study)]
        headings = [_SHOWN[name] for name in names]
        shown = table(f"{_TITLES[study]}, {rate:.0%} of letters wrong", (study.value,), headings)
        for row in own:
            shown.add_row(row["name"], *(_figure(name, row) for name in names))
        yield shown


def _figure(name: str, row: Figures) -> str:
    figure = row[name]
    if figure is None:
        return ""
    if name == "people":
        return str(figure)
    if name == "in_use_interval":
        return "..".join(f"{100 * edge:.1f}" for edge in figure)
    return f"{figure:.0%}" if name in ("applied", "taken_back") else f"{figure:.1%}"
