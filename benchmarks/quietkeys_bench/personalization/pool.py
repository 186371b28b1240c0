"""From cells to figures: people weigh the same, seeds are pooled, a refused update changes nothing.

helped, worse: more or fewer words right than with local memory alone, over all seeds. harmed: the 90 %
paired-bootstrap interval of that difference lies wholly below zero. By kind of person, and of all, `worse`
and `clearly_worse` say the same of every rung against base. The bootstrap resamples tested words; a word
contributes +1 (fixed), -1 (broken) or 0, so resampling words is a draw from a multinomial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.texts import kind_of

RESAMPLES: Final = 10_000
SHARES: Final = ("slips_fixed", "misspellings_fixed", "good_altered", "own_kept")
ALL: Final = "all"  # kinds of people together
TAILS: Final = (5.0, 95.0)  # per cent: a 90 % interval


def pool(cells: Sequence[Figures], rates: Sequence[float], headline: float) -> Figures:
    """Return ladder, people and outcomes of cells (`person.json`), as in `personalization.json`.

    headline: the rate of the figures at the top level, which are those after the last round.
    """
    names = sorted({cell["person"] for cell in cells})
    found: dict[str, list[Figures]] = {"ladder": [], "kinds": [], "probe": [], "by_round": []}
    people: dict[str, Figures] = {name: {"name": name, "ladder": [], "outcomes": []} for name in names}
    for rate in rates:
        of_rate = [cell for cell in cells if cell["rate"] == rate]
        by_person = {name: [cell for cell in of_rate if cell["person"] == name] for name in names}
        rounds = range(1, len(of_rate[0]["rounds"]) + 1)
        for name, own in by_person.items():
            people[name]["ladder"] += _ladder([own], rate)
            people[name]["outcomes"] += [_outcome(own, rate, number) for number in rounds]
        found["ladder"] += _ladder(list(by_person.values()), rate)
        found["kinds"] += _kinds(by_person, rate)
        found["probe"] += _probe(of_rate, rate)
        for number in rounds:
            outcomes = [people[name]["outcomes"][number - len(rounds) - 1] for name in names]
            found["by_round"].append(_of_round(list(by_person.values()), outcomes, rate, number))
    chosen = [outcome for outcome in found["by_round"] if outcome["rate"] == headline][-1]
    return {**found, "people": list(people.values()), **chosen}


def _accuracies(people: Sequence[Sequence[Figures]]) -> dict[str, float]:
    # Word accuracy by rung: pooled over a person's seeds, then the mean over people.
    shares: dict[str, list[float]] = {}
    for cells in people:
        tested = sum(cell["words_tested"] for cell in cells)
        for rung in (row["rung"] for row in cells[0]["rungs"]):
            shares.setdefault(rung, []).append(sum(rung_row(cell, rung)["right"] for cell in cells) / tested)
    return {rung: float(np.mean(values)) for rung, values in shares.items()}


def _probe(cells: Sequence[Figures], rate: float) -> list[Figures]:
    # Each list under each rung, and all lists together; rows tried by several people count for each.
    counts: dict[tuple[str, str], list[int]] = {}
    for row in (row for cell in cells for row in cell["probe"]):
        for name in (row["list"], ALL):
            own = counts.setdefault((name, row["rung"]), [0, 0, 0])
            for place, figure in enumerate(("rows", "top1", "top3")):
                own[place] += row[figure]
    return [
        {"rate": rate, "list": name, "rung": rung, "top1": top1 / rows, "top3": top3 / rows}
        for (name, rung), (rows, top1, top3) in sorted(counts.items(), key=lambda one: one[0][0] == ALL)
        if rows
    ]


def _ladder(people: Sequence[Sequence[Figures]], rate: float) -> list[Figures]:
    accuracy = _accuracies(people)
    rows = {rung: [rung_row(cell, rung) for cells in people for cell in cells] for rung in accuracy}
    return [
        {
            "rung": rung,
            "rate": rate,
            "word_accuracy": share,
            "errors_vs_base": 0.0 - _removed(accuracy["base"], share),
            **{name: _share(rows[rung], name) for name in SHARES},
        }
        for rung, share in accuracy.items()
    ]


def _share(rows: Sequence[Figures], name: str) -> float | None:
    # Of all such words of all people together; None where there are none.
    counted, among = (sum(row[name][place] for row in rows) for place in (0, 1))
    return counted / among if among else None


def _kinds(by_person: Mapping[str, Sequence[Figures]], rate: float) -> list[Figures]:
    # Each kind of person, and all: the ladder against base, and who is worse off than with base.
    kinds = sorted({kind_of(name) for name in by_person})
    rows: list[Figures] = []
    for kind in (*kinds, ALL):
        own = [cells for name, cells in by_person.items() if kind in (kind_of(name), ALL)]
        for row in _ladder(own, rate):
            changes = [_changed(cells, row["rung"]) for cells in own]
            clearly = [bootstrap_interval(*change)[1] < 0.0 for change in changes]
            rows.append(
                {
                    "kind": kind,
                    "people": len(own),
                    **row,
                    "worse": float(np.mean([fixed < broken for fixed, broken, _ in changes])),
                    "clearly_worse": float(np.mean(clearly)),
                }
            )
    return rows


def _changed(cells: Sequence[Figures], rung: str) -> tuple[int, int, int]:
    # (words put right, put wrong, tested) of a rung against base, all seeds of a person.
    fixed, broken = (sum(rung_row(cell, rung)["from_base"][place] for cell in cells) for place in (0, 1))
    return fixed, broken, sum(cell["words_tested"] for cell in cells)


def _outcome(cells: Sequence[Figures], rate: float, number: int) -> Figures:
    # What a person gets after so many rounds, of which a device uses those before the first that is refused.
    tested = sum(cell["words_tested"] for cell in cells)
    in_use = [rung_row(cell, rung_in_use(cell, number)) for cell in cells]
    fixed, broken = (sum(row["from_local"][place] for row in in_use) for place in (0, 1))
    local = sum(rung_row(cell, "local")["right"] for cell in cells)
    interval = bootstrap_interval(fixed, broken, tested)
    return {
        "rate": rate,
        "round": number,
        "words_tested": tested,
        "applied": sum(_is_applied(cell, number) for cell in cells) / len(cells),
        "word_accuracy_gated": (local + fixed - broken) / tested,
        "interval": list(interval),
        "helped": fixed > broken,
        "harmed": interval[1] < 0.0,
        "worse": fixed < broken,
    }


def _is_applied(cell: Figures, number: int) -> bool:
    return all(one["applied"] for one in cell["rounds"][:number])


def rung_in_use(cell: Figures, number: int) -> str:
    """Return the rung that is in use after so many rounds: `local` where the gate refused the first."""
    applied = [number for number in range(1, number + 1) if _is_applied(cell, number)]
    return str(cell["rounds"][applied[-1] - 1]["rung"]) if applied else "local"


def bootstrap_interval(fixed: int, broken: int, tested: int) -> tuple[float, float]:
    """Return the 90 % interval of the mean difference per tested word, in words, resampling words."""
    shares = [fixed / tested, broken / tested, (tested - fixed - broken) / tested]
    drawn = np.random.default_rng(0).multinomial(tested, shares, RESAMPLES)  # [resamples, 3]
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / tested, TAILS)
    return float(low), float(high)


def _of_round(
    people: Sequence[Sequence[Figures]], outcomes: Sequence[Figures], rate: float, number: int
) -> Figures:
    accuracy, cells = _accuracies(people), [cell for own in people for cell in own]
    made = [cell["rounds"][number - 1] for cell in cells]
    update = made[0]["rung"]
    gated = float(np.mean([outcome["word_accuracy_gated"] for outcome in outcomes]))
    means = ("applied", "helped", "harmed", "worse")
    return {
        "rate": rate,
        "round": number,
        **{name: float(np.mean([outcome[name] for outcome in outcomes])) for name in means},
        "silent": sum(bool(one["silent"]) for one in made) / len(cells),
        "spilled": sum(bool(one["spilled"]) for one in made) / len(cells),
        "field": max(one["field"] for one in made),
        "local_removes": _removed(accuracy["base"], accuracy["local"]),
        "update_removes": _removed(accuracy["local"], accuracy[update]),
        "update_removes_gated": _removed(accuracy["local"], gated),
        "reference_keeps": _keeps(cells, accuracy),
        "agreement": _agreement([one["agreement"] for one in made]),
    }


def _keeps(cells: Sequence[Figures], accuracy: dict[str, float]) -> Figures:
    # Of one round: float training has no other.
    if "float" not in accuracy:
        return {"errors": None, "log_likelihood": None}
    likelihood = {
        rung: float(np.mean([rung_row(cell, rung)["log_likelihood"] for cell in cells]))
        for rung in ("local", "float", "reference")
    }
    return {"errors": _kept(accuracy), "log_likelihood": _kept(likelihood)}


def _kept(figure: dict[str, float]) -> float | None:
    gain = figure["float"] - figure["local"]
    return (figure["reference"] - figure["local"]) / gain if gain > 0.0 else None


def _agreement(agreements: Sequence[Figures | None]) -> Figures | None:
    # The worst over people and seeds: the largest distance, the slope farthest from one.
    found = [agreement for agreement in agreements if agreement is not None]
    if not found:
        return None
    blocks = []
    for rows in zip(*(agreement["blocks"] for agreement in found), strict=True):
        slope = max((row["slope"] for row in rows), key=lambda value: abs(value - 1.0))
        distance = max(row["relative_l2"] for row in rows)
        blocks.append({"block": rows[0]["block"], "relative_l2": distance, "slope": slope})
    return {"blocks": blocks, "same_best": min(agreement["same_best"] for agreement in found)}


def _removed(before: float, after: float) -> float:
    # The share of the errors of one accuracy that another accuracy no longer makes.
    return (after - before) / (1.0 - before) if before < 1.0 else 0.0


def rung_row(cell: Figures, rung: str) -> Figures:
    """Return the row of a rung of a cell."""
    found: Figures = next(row for row in cell["rungs"] if row["rung"] == rung)
    return found
