"""The bench of a circle, in the clear on a small model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys.updates.report import Encoded
from quietkeys_bench.circle.bench import DEVICES, RUNGS, Settings, run
from quietkeys_bench.common.circles import ClearTraining, in_turn, shares
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import find_people


def test_a_clear_run_compares_alone_joined_and_one(
    small_subject: Subject, writers: Path, tmp_path: Path
) -> None:
    """Both devices and the one that has all are measured on the same words; totals pool the two."""
    out = tmp_path / "circle.json"
    people = find_people(writers)[:2]
    training = ClearTraining(small_subject.model.plan)
    run(Settings(people), out, small_subject, training, lambda done, total, name: None)
    figures = read_figures(out, "circle")
    assert [person["person"] for person in figures["people"]] == [person.name for person in people]
    assert [row["rung"] for row in figures["totals"]] == list(RUNGS)
    for person in figures["people"]:
        assert [device["device"] for device in person["devices"]] == [*DEVICES, "one"]
        assert min(person["words_learnt"].values()) > 0
    words = 2 * sum(person["words_tested"] for person in figures["people"])
    assert {row["words"] for row in figures["totals"]} == {words}
    joined = next(row for row in figures["totals"] if row["rung"] == "joined")
    own = [
        rung["right"]
        for person in figures["people"]
        for device in person["devices"]
        for rung in device["rungs"]
        if rung["rung"] == "joined"
    ]
    assert joined["right"] == sum(own)


def test_sessions_are_typed_on_the_devices_in_turn(writers: Path) -> None:
    """Every word is typed on one of them."""
    words = find_people(writers)[0].words()
    even, odd = in_turn(words, 2)
    assert len(even) + len(odd) == len(words)
    assert {word.session % 2 for word in even} == {0}
    assert {word.session % 2 for word in odd} == {1}


def test_two_shares_are_the_mean_of_both_reports(small_subject: Subject) -> None:
    """What the trainer adds up is half of each, rounded at random."""
    plan, rng = small_subject.model.plan, np.random.default_rng(3)
    reports = [
        {
            block.name: Encoded(np.full(len(block.events), size), np.full(block.width, size))
            for block in plan.blocks
        }
        for size in (4, 8)
    ]
    parts = [shares(report, 2, rng) for report in reports]
    for block in plan.blocks:
        total = parts[0][block.name].strength + parts[1][block.name].strength
        assert total.mean() == pytest.approx(6.0)
