"""`quietkeys bench manners`: what people complain of in keyboards, tried on ours, kind by kind.

Every row has a fresh profile, on which its user has kept what they kept. Rows with the same history share
one, since `suggest` learns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.environment import Environment
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import one_core
from quietkeys_bench.common.rows import by_corpus
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_bench.manners.rows import Habit, Row, read_rows
from quietkeys_bench.manners.user import Day, Longest, Outcome, User

SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What to try. seed: of what a profile keeps aside to judge updates by."""

    files: Sequence[Path]
    seed: int = SEED


def run(settings: Settings, out: Path, tell: Tell, keyboards: Keyboards | None = None) -> list[Outcome]:
    """Try every row and write the figures; return what became of the rows, in their order. Private.

    Raises ValueError (RowsUnreadable; two files of one name), QuietkeysError, OSError.
    """
    keyboards = Keyboards() if keyboards is None else keyboards
    tables = by_corpus(settings.files, read_rows)
    rows = [row for table in tables.values() for row in table]
    bundle, machine = keyboards.bundle(), this_machine().tree()
    suggest, record = Longest(), Longest()
    found: dict[int, Outcome] = {}
    with one_core():
        for habits, places in _by_history(rows).items():
            day = Day()
            environment = Environment(clock=day, rng=np.random.default_rng(settings.seed))
            with keyboards.fresh(environment) as keyboard:
                level = keyboard.level
                user = User(keyboard, day, suggest, record)
                user.keep(habits)
                for place in places:
                    tell(len(found), len(rows), rows[place].kind)
                    found[place] = user.try_row(rows[place])
    outcomes = [found[place] for place in range(len(rows))]
    tree = {
        "bench": "manners",
        "mode": "clear",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "level": level.value,
        "seed": settings.seed,
        "machine": machine,
        "timed_on_cores": 1,
        **counted(outcomes),
        "kinds": [{"kind": kind, **counted(own)} for kind, own in _by_kind(outcomes).items()],
        "files": _files(tables, outcomes),
        "longest": {"suggest": suggest.figures(), "record": record.figures()},
    }
    write_figures(out, "manners", tree)
    return outcomes


def counted(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return how many rows, the share that is right, and the corrections missing from their strip."""
    return {
        "n": len(outcomes),
        "right": sum(one.right for one in outcomes) / len(outcomes),
        "not_in_strip": sum(one.not_in_strip for one in outcomes),
    }


def _by_history(rows: Sequence[Row]) -> dict[tuple[Habit, ...], list[int]]:
    found: dict[tuple[Habit, ...], list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault(row.habits, []).append(place)
    return found


def _by_kind(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(one.row.kind, []).append(one)
    return found


def _files(tables: dict[str, list[Row]], outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    rest = iter(outcomes)
    return [{"file": name, **counted([next(rest) for _ in table])} for name, table in tables.items()]
