"""Noise of results: told apart from rounding, and as large as the parameters say."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pytest
from rich.console import Console

from quietkeys.cipher import Parameters
from quietkeys.updates.report import Encoded
from quietkeys_bench.agreement.bench import Settings
from quietkeys_bench.agreement.command import show_noise
from quietkeys_bench.agreement.full_rounds import FullRounds, Phases, full_rounds
from quietkeys_bench.agreement.noise import predicted, run
from quietkeys_bench.agreement.reachable import has_chains, reachable, told_apart
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import find_people
from quietkeys_bench.common.training import Noisy
from quietkeys_protocol.plan import Block
from quietkeys_protocol.program import reference, train
from quietkeys_protocol.specification import circuit_name, parse_specification
from quietkeys_protocol.templates import frames_of
from tests.bench.test_agreement import nothing
from tests.fhe_fixtures import SMALL_PLAN, Compiled

SPECIFICATION: Final = parse_specification(
    (Path(__file__).parents[1] / "vectors" / "small_specification.json").read_bytes()
)
CHAINS: Final = SMALL_PLAN.blocks[1]


def small_report(block: Block, seed: int) -> Encoded:
    """Numbers at random of a report of a small block."""
    draw = np.random.default_rng(seed)
    strength = draw.integers(0, block.strength_max + 1, len(block.events), np.int64)
    return Encoded(strength, draw.integers(-60, 61, block.width, np.int64))


def test_only_chains_have_values_of_their_own() -> None:
    """Where an event moves two weights, or a weight has two events, nothing is told apart."""
    assert has_chains(CHAINS)
    assert not has_chains(SMALL_PLAN.blocks[0])


def test_every_run_with_noise_ends_at_a_reachable_value() -> None:
    """Whatever entries the look-ups read; the clear program's value is the first."""
    for seed in range(20):
        report = small_report(CHAINS, seed)
        values = reachable(CHAINS, report)
        assert np.array_equal(values[0], reference(CHAINS, report.strength, report.gradient)[0])
        noisy = train(CHAINS, report.strength, report.gradient, Noisy(np.random.default_rng(seed), 0.15))
        assert (values == noisy).any(axis=0).all()


def test_noise_is_what_a_reachable_value_leaves() -> None:
    """A value that noise may have chosen is not sure."""
    values = np.array([[0, 0], [100, 9]])
    told = told_apart(values, np.array([99.0, 1.0]), 1.0)
    assert told.computed.tolist() == [100, 0]
    assert told.noise.tolist() == [-1.0, 1.0]
    assert told.sure.tolist() == [True, False]


class Made:
    """Rounds whose look-ups and results have noise that was drawn here, `times` as large as predicted."""

    def __init__(self, parameters: Parameters, times: float) -> None:
        self.parameters, self.times, self.rng = parameters, times, np.random.default_rng(5)

    def train(self, report: Mapping[str, Encoded]) -> dict[str, Phases]:
        """Return phases of every block."""
        found = {}
        for block in self.parameters.plan.blocks:
            given = report[block.name]
            weights = train(block, given.strength, given.gradient, Noisy(self.rng, 0.06))
            whole, sent = predicted(self.parameters.specification, block)
            noise = self.times * self.rng.normal(0.0, whole)
            found[block.name] = Phases(weights + noise, weights + noise * sent / whole)
        return found


def measured(subject: Subject, writers: Path, out: Path, times: float) -> Figures:
    """Figures of rounds with made-up noise."""
    plan = subject.model.plan
    circuits = tuple(replace(SPECIFICATION.circuits[0], name=circuit_name(block)) for block in plan.blocks)
    specification = replace(SPECIFICATION, circuits=circuits)
    parameters = Parameters(plan, specification, frames_of(SPECIFICATION, SMALL_PLAN), 128)
    settings = Settings(find_people(writers)[:1], mode=Mode.EXECUTE, rounds=2)
    run(settings, 6, out, subject, cast(FullRounds, Made(parameters, times)), nothing)
    return read_figures(out, "noise")


@pytest.mark.parametrize("times", [1.0, 1.5])
def test_noise_is_compared_with_its_prediction(
    small_subject: Subject, writers: Path, tmp_path: Path, times: float
) -> None:
    """Noise half as large again is seen as that; what rounding does is no part of it."""
    figures = measured(small_subject, writers, tmp_path / "noise.json", times)
    found = [row[what] for row in figures["blocks"] for what in ("whole", "sent") if row[what]]
    assert found
    for noise in found:
        assert noise["deviation"] == pytest.approx(times, rel=5 / noise["samples"] ** 0.5)
        assert noise["deviation_low"] < noise["deviation"] < noise["deviation_high"]
    for row in figures["blocks"]:
        assert sum(one["share"] for one in row["rounding"]["histogram"]) == pytest.approx(1.0)
        assert row["extrapolated"]["result"]["log2_probability"] < -20
    show_noise(Console(file=io.StringIO(), width=80), figures)


@pytest.mark.fhe
def test_a_real_result_has_the_noise_that_is_predicted(compiled: Compiled) -> None:
    """Read with the secret key, before and after it is cut; what is left lies at reachable values."""
    engine, samples = compiled.engine, {"whole": list[Any](), "sent": list[Any]()}
    with full_rounds(engine) as training:
        for seed in range(10):
            reports = {block.name: small_report(block, seed) for block in SMALL_PLAN.blocks}
            phases = training.train(reports)[CHAINS.name]
            whole, sent = predicted(engine.specification, CHAINS)
            told = told_apart(reachable(CHAINS, reports[CHAINS.name]), phases.whole, whole)
            samples["whole"] += ((phases.whole - told.computed) / whole)[told.sure].tolist()
            samples["sent"] += ((phases.sent - told.computed) / sent)[told.sure].tolist()
    for noise in samples.values():
        assert len(noise) >= 8
        assert 0.4 < np.std(noise) < 1.8
