"""The quantization bench: its arrays against the device's own counting and scoring, and a tiny run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.ladder import learn_person
from quietkeys.prediction.counting import Choices, Lean, Masses, count, scores
from quietkeys.prediction.events import Choice
from quietkeys.updates.report import Encoded, encode
from quietkeys_bench.common.figures import cells_folder, read_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import Hand, find_people
from quietkeys_bench.common.training import NOISE, Noisy
from quietkeys_bench.quantization.bench import Settings, run
from quietkeys_bench.quantization.choice_arrays import table_of
from quietkeys_bench.quantization.groupings import (
    Grouping,
    channel_groupings,
    lexicon_groupings,
    literal_groupings,
    ranker_groupings,
)
from quietkeys_bench.quantization.one_person import finer
from quietkeys_bench.quantization.variants import same_block, variants
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import Clear, reference, train

BLOCKS = ("channel", "lexicon", "ranker", "literal")


class Stopped(Exception):  # noqa: N818 - what happened
    """A run that was stopped from outside."""


def choices_of(subject: Subject, writers: Path) -> list[Choice]:
    """What one writer's typing is counted by, with buckets that every lexicon grouping can use."""
    person = find_people(writers)[0]
    writer, words = Hand(0, 0.1).writes(person)
    learner = learn_person(finer(subject.model), words, writer, np.random.default_rng(0))
    return list(learner.choices)


def shipped_groupings(subject: Subject) -> dict[str, Grouping]:
    """The groupings that are the shipped plan's own."""
    blocks = {block.name: block for block in subject.model.plan.blocks}
    lexicon = lexicon_groupings(len(subject.model.search.lexicon.words))
    return {
        "channel": channel_groupings(blocks["channel"])[0],
        "lexicon": next(one for one in lexicon if one.events == blocks["lexicon"].events),
        "ranker": ranker_groupings(blocks["ranker"], subject.model.events, (), 1.0, 0)[0],
        "literal": literal_groupings(blocks["literal"])[0],
    }


def coarse(subject: Subject, choice: Choice) -> Choice:
    """The choice with the buckets of the shipped plan, as a device has it."""
    starts = finer(subject.model).events.bucket_starts
    buckets = subject.model.events.bucket(starts[choice.buckets])
    return replace(choice, buckets=np.where(choice.buckets < 0, -1, buckets))


def test_arrays_count_what_the_device_counts(small_subject: Subject, writers: Path) -> None:
    """The masses of a table are the sums of the masses of its choices, in every block."""
    events = small_subject.model.events
    choices = choices_of(small_subject, writers)
    table = table_of(choices, events.base_weights, events.sizes["channel"])
    rows = Choices.of(events, [coarse(small_subject, choice) for choice in choices])
    sums = count(events, rows, Lean.none(events))
    for block, grouping in shipped_groupings(small_subject).items():
        found = grouping.count(table)
        assert sums[block].evidence_for.sum() > 0
        np.testing.assert_allclose(found.evidence_for, sums[block].evidence_for, atol=1e-9)
        np.testing.assert_allclose(found.evidence_against, sums[block].evidence_against, atol=1e-9)


def test_arrays_score_as_the_gate_scores(small_subject: Subject, writers: Path) -> None:
    """Scores, best candidates and likelihoods of a table are those of its choices one by one."""
    model = small_subject.model
    choices = choices_of(small_subject, writers)[:50]
    table = table_of(choices, model.events.base_weights, model.events.sizes["channel"])
    rng = np.random.default_rng(0)
    weights = {block.name: rng.normal(0, 0.3, block.width).astype(np.float32) for block in model.plan.blocks}
    groupings = shipped_groupings(small_subject)
    score = table.base + sum(groupings[name].moves(table) @ weights[name] for name in BLOCKS)
    singly = [
        scores(
            Choices.of(model.events, [coarse(small_subject, choice)]),
            Lean.of(model.events, model.plan, Adapter(1, weights)),
        )
        for choice in choices
    ]
    np.testing.assert_allclose(score, np.concatenate(singly), atol=1e-6)
    best = table.first_best(score) - table.begins
    assert best.tolist() == [int(own.argmax()) for own in singly]
    own = [
        float(s[c.kept] - np.log(np.exp(s - s.max()).sum()) - s.max())
        for s, c in zip(singly, choices, strict=True)
    ]
    assert table.log_likelihood(score) == pytest.approx(np.mean(own), abs=1e-6)


def report_of(block: Block) -> Encoded:
    """Some report that fits a block."""
    rng = np.random.default_rng(3)
    size = len(block.events)
    masses = Masses(rng.gamma(1, 5, size), rng.gamma(1, 5, size))
    return encode(block, masses)


def test_without_noise_the_model_of_a_run_is_the_reference(small_subject: Subject) -> None:
    """Noise of no width changes nothing; of the modelled width it changes something, and little."""
    for block in small_subject.model.plan.blocks:
        own = report_of(block)
        exact, _ = reference(block, own.strength, own.gradient)
        silent, noisy = (
            train(block, own.strength, own.gradient, Noisy(np.random.default_rng(0), noise))
            for noise in (0.0, NOISE)
        )
        assert np.array_equal(silent, exact)
        distance = np.linalg.norm(block.A @ (noisy - exact)) / np.linalg.norm(block.A @ exact)
        assert 0.0 < distance < 0.5


def test_noise_carries_a_number_over_an_edge_as_often_as_it_should() -> None:
    """A number a standard deviation from the edge of its entry reads the next entry one time in six."""
    table = tuple(range(16))
    values = np.full(20_000, 7 * 1000 + 1000 - 70)
    assert set(Clear().look_up(values, 0, (5,)).tolist()) == {5}
    read = Noisy(np.random.default_rng(0)).look_up(np.full(20_000, 8 * 1024 - 72), 10, table)
    assert np.mean(read == 8) == pytest.approx(0.159, abs=0.01)
    assert set(read.tolist()) == {7, 8}


def test_the_grid_holds_the_shipped_blocks_once_per_table(small_subject: Subject) -> None:
    """Every block of the plan is found again among its variants, made anew from its shape."""
    plan: Plan = small_subject.model.plan
    own = {name: [grouping] for name, grouping in shipped_groupings(small_subject).items()}
    found = variants(plan, own)
    for block in plan.blocks:
        shipped = [variant for variant in found if variant.shipped and variant.block.name == block.name]
        assert [variant.table for variant in shipped] == ["steps", "reach"]
        assert all(variant.block == block for variant in shipped)


def test_units_of_another_processor_make_no_other_block(small_subject: Subject) -> None:
    """They are rounded otherwise in their last bits; what the program computes with must be equal."""
    block = small_subject.model.plan.blocks[0]
    rounded = tuple((name, float(np.nextafter(value, np.inf))) for name, value in block.units)
    assert same_block(replace(block, units=rounded), block)
    assert not same_block(replace(block, units=tuple((name, 2.0 * value) for name, value in rounded)), block)
    assert not same_block(replace(block, name="other"), block)


def test_a_tiny_run_goes_on_after_a_stop(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """A stopped run keeps the people it has measured; the output has the form of its schema."""
    everybody = find_people(writers)
    settings = Settings(everybody[:2], everybody[2:])
    out = tmp_path / "quantization.json"

    def stop(done: int, total: int, name: str) -> None:
        assert name
        assert done <= total == 3
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run(settings, out, small_subject, stop)
    (kept,) = cells_folder(out).iterdir()
    written = kept.stat().st_mtime_ns
    run(settings, out, small_subject, lambda *_: None)
    assert kept.stat().st_mtime_ns == written
    figures = read_figures(out, "quantization")
    assert figures["mode"] == "clear"
    assert [person["name"] for person in figures["people"]] == ["chat_1", "chat_2"]
    assert figures["code_book_people"] == ["mail_1"]
    for block in BLOCKS:
        rows = [row for row in figures["rows"] if row["block"] == block and row["table"] == "steps"]
        assert {row["planes"] for row in rows} == {1, 2, 3}
        (shipped,) = (row for row in rows if row["shipped"])
        assert shipped["refused"] is None
        assert shipped["people"] == 2
        assert len({row["look_ups"] for row in rows}) > 3
        # With three planes and nine steps any block leaves no room for the others.
        assert any(row["refused"] and "look-ups" in row["refused"] for row in rows)
