"""From cells to figures: who was helped, who was harmed, and what the gate does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quietkeys_bench.personalization.pool import bootstrap_interval, pool

TESTED = 1000
SHARES = {
    "slips_fixed": [60, 80],
    "misspellings_fixed": [0, 0],
    "good_altered": [3, 900],
    "own_kept": [5, 20],
}
WITHIN = {"silent": [], "spilled": [], "field": 0.5}


def cell(person: str, fixed: int, broken: int, applied: bool = True, seed: int = 0) -> dict[str, Any]:
    """Figures of a person whose one update changed so many words."""
    right = {"none": 700, "base": 900, "local": 920, "raw": 920, "float": 930}
    rungs = [
        {
            "rung": rung,
            "right": count,
            "from_base": [max(count - 900, 0), max(900 - count, 0)],
            "from_local": [max(count - 920, 0), max(920 - count, 0)],
            "log_likelihood": -1.0 + 0.1 * (rung == "float"),
            **SHARES,
        }
        for rung, count in right.items()
    ]
    changes = {"from_base": [20 + fixed, broken], "from_local": [fixed, broken]}
    reference = {"rung": "reference", "right": 920 + fixed - broken, **changes}
    rungs.append({**reference, "log_likelihood": -0.91, **SHARES})
    rounds = [{"rung": "reference", "applied": applied, **WITHIN, "agreement": None}]
    where = {"person": person, "seed": seed, "rate": 0.08, "words_tested": TESTED}
    return {**where, "rungs": rungs, "rounds": rounds, "probe": []}


def with_second_round(one: dict[str, Any], fixed: int, broken: int, applied: bool) -> dict[str, Any]:
    """The same with another round, after which so many words have changed against local memory."""
    changes = {"from_base": [20 + fixed, broken], "from_local": [fixed, broken]}
    row = {"rung": "reference-2", "right": 920 + fixed - broken, **changes, "log_likelihood": -0.9, **SHARES}
    at_the_edge = {"silent": ["channel"], "spilled": ["ranker"] if applied else [], "field": 0.96}
    gate = {"rung": "reference-2", "applied": applied, **at_the_edge, "agreement": None}
    return {**one, "rungs": [*one["rungs"], row], "rounds": [*one["rounds"], gate]}


def pooled(*cells: dict[str, Any]) -> dict[str, Any]:
    """Figures of cells at the one rate."""
    return pool(cells, [0.08], 0.08)


def test_shares_are_of_people() -> None:
    """Of four people one is helped, one unchanged, one a little worse, one clearly harmed."""
    figures = pooled(cell("a", 9, 2), cell("b", 3, 3), cell("c", 5, 6), cell("d", 2, 30))
    assert (figures["helped"], figures["worse"], figures["harmed"]) == (0.25, 0.5, 0.25)
    assert figures["applied"] == 1.0


def test_a_refused_update_changes_nothing_for_the_person() -> None:
    """The rungs show the update as it is; outcomes show what the person got."""
    figures = pooled(cell("a", 2, 30, applied=False))
    assert (figures["harmed"], figures["worse"], figures["applied"]) == (0.0, 0.0, 0.0)
    assert figures["update_removes"] == pytest.approx(-28 / 80)
    assert figures["update_removes_gated"] == 0.0


def test_seeds_are_pooled_before_people_are_judged() -> None:
    """A person who loses with one seed and gains more with another was helped."""
    figures = pooled(cell("a", 1, 4, seed=0), cell("a", 9, 1, seed=1))
    assert figures["helped"] == 1.0
    assert figures["people"][0]["outcomes"][0]["words_tested"] == 2 * TESTED


def test_kinds_of_people_are_told_apart_and_compared_with_base() -> None:
    """Each kind with its errors and who is worse off, then all; shares are of all such words together."""
    figures = pooled(cell("sms_a", 9, 2), cell("mail_a", 0, 30), cell("mail_b", 0, 150))
    rows = {(row["kind"], row["rung"]): row for row in figures["kinds"]}
    assert {kind for kind, _ in rows} == {"sms", "mail", "all"}
    mail = rows["mail", "reference"]
    assert (mail["people"], mail["worse"], mail["clearly_worse"]) == (2, 1.0, 0.5)
    assert mail["errors_vs_base"] == pytest.approx((30 + 150 - 40) / 200)
    assert rows["all", "local"]["worse"] == rows["all", "base"]["worse"] == 0.0
    assert rows["sms", "local"]["slips_fixed"] == 0.75
    assert rows["sms", "local"]["misspellings_fixed"] is None


def test_rounds_count_up_to_the_first_that_is_refused() -> None:
    """Each round says what all updates so far removed, with and without the gate."""
    figures = pooled(
        with_second_round(cell("a", 8, 0), 12, 0, applied=True),
        with_second_round(cell("b", 4, 0), 0, 8, applied=False),
        with_second_round(cell("c", 0, 4, applied=False), 8, 0, applied=True),
    )
    first, second = figures["by_round"]
    assert (first["round"], second["round"]) == (1, 2)
    assert first["update_removes"] == pytest.approx((8 + 4 - 4) / 240)
    assert first["update_removes_gated"] == pytest.approx((8 + 4) / 240)
    assert second["update_removes"] == pytest.approx((12 - 8 + 8) / 240)
    assert second["update_removes_gated"] == pytest.approx((12 + 4) / 240)
    assert first["applied"] == pytest.approx(2 / 3)
    assert second["applied"] == pytest.approx(1 / 3)
    assert (first["silent"], second["silent"]) == (0.0, 1.0)
    assert (first["spilled"], second["spilled"]) == (0.0, pytest.approx(2 / 3))
    assert (first["field"], second["field"]) == (0.5, 0.96)
    assert figures["round"] == 2
    assert figures["update_removes_gated"] == second["update_removes_gated"]


def test_the_probe_pools_rows_of_lists() -> None:
    """Each list, and all of them: every row weighs the same."""
    probe = [
        {"list": "one", "rung": "local", "rows": 10, "top1": 5, "top3": 9},
        {"list": "two", "rung": "local", "rows": 30, "top1": 27, "top3": 27},
    ]
    figures = pooled(cell("a", 1, 0) | {"probe": probe}, cell("b", 1, 0) | {"probe": probe})
    shares = {row["list"]: (row["top1"], row["top3"]) for row in figures["probe"]}
    assert shares == {"one": (0.5, 0.9), "two": (0.9, 0.9), "all": (0.8, 0.9)}


def test_the_reference_keeps_a_share_of_the_float_gain() -> None:
    """Eight words of ten, and nine tenths of the log-likelihood."""
    keeps = pooled(cell("a", 8, 0))["reference_keeps"]
    assert keeps["errors"] == pytest.approx(0.8)
    assert keeps["log_likelihood"] == pytest.approx(0.9)


def test_the_interval_is_that_of_resampled_words() -> None:
    """Drawing from a multinomial gives the interval that resampling the words themselves gives."""
    fixed, broken, tested = 12, 30, 800
    change = np.concatenate([np.ones(fixed), -np.ones(broken), np.zeros(tested - fixed - broken)])
    rng = np.random.default_rng(1)
    means = [change[rng.integers(tested, size=tested)].mean() for _ in range(4000)]
    assert bootstrap_interval(fixed, broken, tested) == pytest.approx(np.percentile(means, [5, 95]), abs=2e-3)
    assert bootstrap_interval(0, 0, 10) == (0.0, 0.0)
