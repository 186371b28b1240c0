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
_LAST: Final = {Study.CURVE: ("since",), Study.DRIFT: ("back",)}  # heading that others do not have
EXPLAINED: Final = (
    "Studies, local: of the errors of base, removed by local memory; update, in use: of those left, removed"
    " by the update as it is, and by what a device would use of it; all: of the errors of base, by memory and"
    " what is in use. 90 %: of what is in use, by resampling people. applied: updates of which the gate took"
    " every round.",
    f"Drift, back: updates that a review, every {REVIEW_WORDS} words, took out of use. Curve, since: of the"
    " errors at the point before, of the same people, gone at this one.",
)


def study_tables(rows: Sequence[Figures], rate: float) -> Iterator[Table]:
    """Yield a table of each study in these rows."""
    for study in Study:
        own = [row for row in rows if row["study"] == study.value]
        if not own:
            continue
        headings = ("n", "local", "update", "in use", "90 %", "all", "applied", *_LAST.get(study, ()))
        shown = table(f"{_TITLES[study]}, {rate:.0%} of letters wrong", (study.value,), headings)
        for row in own:
            low, high = row["in_use_interval"]
            shown.add_row(
                row["name"],
                str(row["people"]),
                *(f"{row[f'{name}_removes']:.1%}" for name in ("local", "update", "in_use")),
                f"{100 * low:.1f} to {100 * high:.1f}",
                f"{row['all_removes']:.1%}",
                f"{row['applied']:.0%}",
                *_last(study, row),
            )
        yield shown


def _last(study: Study, row: Figures) -> Sequence[str]:
    if study is Study.DRIFT:
        return (f"{row['taken_back']:.0%}",)
    if study is Study.CURVE:
        return ("" if row["since_before"] is None else f"{row['since_before']:.1%}",)
    return ()
