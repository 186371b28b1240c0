"""From studies of people to figures: everybody weighs the same, seeds are pooled, intervals resample people.

A share of errors removed is that of the mean errors of people, as in the ladder. Its interval (90 %) is of
RESAMPLES draws of as many people as there are, with replacement: it says what other people like these would
get, where the ladder's intervals say what one person would with other words.

The ladder itself stands first in a study that has it to compare with: the same words, the same update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.personalization.pool import RESAMPLES, TAILS, rung_in_use, rung_row
from quietkeys_bench.personalization.study import Study

LADDER: Final = "ladder"
RUNGS: Final = ("base", "local", "update", "in_use")

Errors = Mapping[str, Mapping[str, float]]  # by rung and person: share of tested words


def pool_studies(studies: Sequence[Figures], cells: Sequence[Figures]) -> list[Figures]:
    """Return rows of studies (`study.json`), as in `personalization.json`.

    cells: those of the ladder (`person.json`), of the same people, seeds and rate.
    """
    rows: list[Figures] = []
    for study in Study:
        own = [one for one in studies if one["study"] == study.value]
        if not own:
            continue
        updates: dict[str, list[Figures]] = {}
        if study is not Study.CURVE:
            rounds = own[0]["rounds_limit"]
            updates[LADDER] = [_of_ladder(cell, rounds) for cell in cells]
        for one in own:
            for update in one["updates"]:
                updates.setdefault(update["name"], []).append({**update, "person": one["person"]})
        by_length = sorted(updates, key=lambda name: updates[name][0]["words_learnt"])
        before: Errors | None = None
        for name in by_length if study is Study.CURVE else updates:
            errors = _errors(updates[name])
            rows.append({"study": study.value, "name": name, **_row(updates[name], errors, before)})
            before = errors if study is Study.CURVE else None
    return rows


def _of_ladder(cell: Figures, rounds: int) -> Figures:
    # What a cell of the ladder says of its update, after so many rounds, in the form of a study.
    made = cell["rounds"][:rounds]
    named = {
        "base": "base",
        "local": "local",
        "update": made[-1]["rung"],
        "in_use": rung_in_use(cell, rounds),
    }
    return {
        "person": cell["person"],
        "words_learnt": cell["words_learnt"],
        "words_tested": cell["words_tested"],
        "rungs": [{**rung_row(cell, rung), "rung": name} for name, rung in named.items()],
        "verdicts": made,
        "taken_back": None,
    }


def _errors(updates: Sequence[Figures]) -> Errors:
    counts: dict[str, dict[str, list[int]]] = {rung: {} for rung in RUNGS}
    for update in updates:
        for rung in RUNGS:
            own = counts[rung].setdefault(update["person"], [0, 0])
            own[0] += update["words_tested"] - rung_row(update, rung)["right"]
            own[1] += update["words_tested"]
    return {
        rung: {name: wrong / tested for name, (wrong, tested) in people.items()}
        for rung, people in counts.items()
    }


def _row(updates: Sequence[Figures], errors: Errors, before: Errors | None) -> Figures:
    # before: at the point before, of these people and perhaps others.
    people = list(errors["base"])
    rates = {rung: np.array([own[name] for name in people]) for rung, own in errors.items()}
    removed = {
        "update": removed_by_people(rates["local"], rates["update"]),
        "in_use": removed_by_people(rates["local"], rates["in_use"]),
        "all": removed_by_people(rates["base"], rates["in_use"]),
    }
    since: tuple[float | None, list[float] | None] = (None, None)
    if before is not None:
        then = np.array([before["in_use"][name] for name in people])
        since = removed_by_people(then, rates["in_use"])
    applied = [all(verdict["applied"] for verdict in update["verdicts"]) for update in updates]
    return {
        "people": len(people),
        "words_learnt": float(np.mean([update["words_learnt"] for update in updates])),
        "applied": float(np.mean(applied)),
        "taken_back": float(np.mean([update["taken_back"] is not None for update in updates])),
        "local_removes": removed_by_people(rates["base"], rates["local"])[0],
        **{f"{name}_removes": share for name, (share, _) in removed.items()},
        **{f"{name}_interval": interval for name, (_, interval) in removed.items()},
        "since_before": since[0],
        "since_interval": since[1],
    }


def removed_by_people(before: Float64, after: Float64) -> tuple[float, list[float]]:
    """Return the share of people's errors that is gone, and its interval. before, after: shares wrong [P]."""
    drawn = np.random.default_rng(0).integers(len(before), size=(RESAMPLES, len(before)))
    sums = before[drawn].sum(1), after[drawn].sum(1)  # [resamples] each
    gone = np.divide(sums[0] - sums[1], sums[0], out=np.zeros(RESAMPLES), where=sums[0] > 0.0)
    share = float((before.sum() - after.sum()) / before.sum()) if before.any() else 0.0
    return share, [float(edge) for edge in np.percentile(gone, TAILS)]
