"""The bench beside Concrete ML: its tasks, curves, equal accuracy, plot, and one small run of each side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.figures import Figures, read_figures, write_figures
from quietkeys_bench.common.processes import ask
from quietkeys_bench.concrete_ml import curves, prices
from quietkeys_bench.concrete_ml.bench import RATES, Settings, figures, require_concrete_ml
from quietkeys_bench.concrete_ml.equal import MOST, ONE_ROUND, equals, first
from quietkeys_bench.concrete_ml.plot import PLOT, plot
from quietkeys_bench.concrete_ml.task import EVENTS, FEATURES, SAMPLES, Choices, Task, agreement, make_task
from quietkeys_bench.concrete_ml.theirs import SHIPPED_RATE, Request, answer_to
from quietkeys_protocol.check import check_plan

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "benchmarks" / "results" / "peer.json"
# What Concrete ML's default takes; read from its compiler, so that a new release is noticed.
DEFAULT_P_ERROR = 0.01
FIT = """
import numpy as np
from concrete.ml.sklearn import SGDClassifier
from quietkeys_bench.common.processes import answer

def learnt(given):
    X, y = np.array(given["X"], float), np.array(given["y"])
    made = SGDClassifier(
        fit_encrypted=True, parameters_range=(-1.0, 1.0), fit_intercept=False, max_iter=3, random_state=0
    )
    made.fit(X, y, fhe="disable", coef_init=np.zeros(X.shape[1]))
    return made.coef_.ravel().tolist()

answer(learnt)
"""


@pytest.fixture(scope="module")
def task() -> Task:
    """The first made-up person's."""
    return make_task(0)


def price(name: str, p_error: float, cpu_seconds: float) -> Figures:
    """A price that nobody measured."""
    return {
        "name": name,
        "how": prices.MEASURED,
        "p_error": p_error,
        "unit": "round" if name == prices.OURS else "batch",
        "measured": 1,
        "samples": 8,
        "seconds": cpu_seconds,
        "cpu_seconds": cpu_seconds,
        "bootstraps": 500,
        "complexity": None,
        "key_bytes": 50,
        "upload_bytes": 10,
        "download_bytes": 20,
        "peak_rss_bytes": 100,
        "against_clear": {"relative_l2": 0.1, "slope": 1.0},
    }


PRICES = (
    price(prices.OURS, 2**-40, 10.0),
    price(prices.DEFAULT, 0.01, 20.0),
    price(prices.STRICT, 2**-40, 100.0),
)


def curve(rate: float | None, *accuracy: float) -> Figures:
    """A curve that nobody computed."""
    same = list(accuracy)
    return {
        "rate": rate,
        "complexity": None,
        "accuracy": same,
        "lowest": same,
        "highest": same,
        "log_loss": [0.6] * len(same),
    }


def test_the_task_is_one_that_both_can_do(task: Task) -> None:
    """Its plan may be shipped, its counts are those of its samples, and there is something to learn."""
    check_plan(task.plan)
    masses = task.masses()
    assert masses.evidence_for.sum() == task.trained.labels.sum()
    assert (masses.evidence_for + masses.evidence_against).sum() == SAMPLES
    z, seconds = prices.solved(task)
    nothing = np.zeros(EVENTS)
    assert task.held_out.accuracy(nothing) == 0.5
    assert task.held_out.accuracy(z) > 0.6
    assert task.held_out.log_loss(z) < task.held_out.log_loss(nothing)
    assert seconds > 0.0
    assert agreement(0.5 * z, z) == {"relative_l2": 0.5, "slope": 0.5}


def test_what_is_held_out_is_drawn_apart(task: Task) -> None:
    """A person's two sets of choices are not one another's beginning, and each person has other ones."""
    other = make_task(1)
    assert not np.array_equal(task.held_out.types[:SAMPLES], task.trained.types)
    assert not np.array_equal(task.held_out.types, other.held_out.types)


def test_accuracy_is_the_share_foretold() -> None:
    """By the sign of the score; a score of nothing is half right."""
    made = Choices(np.array([0, 1, 2, 2]), np.array([1, 1, 0, 1]))
    assert made.accuracy(np.array([2.0, -1.0, 0.0])) == pytest.approx((1.0 + 0.0 + 0.5 + 0.5) / 4)


def test_at_the_optimum_counts_say_that_nothing_is_left(task: Task) -> None:
    """Counted under the scores that training leads to, what pulls up and what pulls down weigh the same."""
    z, _ = prices.solved(task)

    def pulls(under: np.ndarray[Any, Any]) -> float:
        masses = task.masses(under)
        return float(np.linalg.norm(task.A.T @ (masses.evidence_for - masses.evidence_against)))

    assert pulls(z) < 0.05 * pulls(np.zeros(EVENTS))


def test_our_rounds_come_near_to_training_in_the_clear() -> None:
    """On choices that they have not seen, with the noise of an encrypted run."""
    seeds = (0, 1)
    found = curves.of_ours(seeds, 2)
    tasks = [make_task(seed) for seed in seeds]
    clear = np.mean([task.held_out.accuracy(prices.solved(task)[0]) for task in tasks])
    assert len(found["accuracy"]) == 2
    assert found["lowest"][1] <= found["accuracy"][1] <= found["highest"][1]
    assert found["accuracy"][1] > clear - 0.01


def test_a_curve_is_there_when_it_is_first_there() -> None:
    """Later losses do not count, in favour of whoever wanders."""
    assert first([0.5, 0.6, 0.55, 0.61], 0.6) == 2
    assert first([0.5, 0.6], 0.7) is None


def test_equal_accuracy_costs_the_price_times_the_number() -> None:
    """Of rounds and of batches, at each price, with the ratio of ours to theirs."""
    ours, theirs = curve(None, 0.58, 0.6), curve(1.0, 0.52, 0.56, 0.57, 0.53)
    by_target = {row["target"]: row for row in equals(0.6, ours, [theirs], PRICES)}
    half = by_target["50% of the clear's gain"]
    assert (half["accuracy"], half["rounds"], half["batches"]) == (0.55, 1, 2)
    assert half["ours_seconds"] == 10.0
    assert [one["seconds"] for one in half["theirs"]] == [40.0, 200.0]
    assert [one["ratio"] for one in half["theirs"]] == [0.25, 0.05]
    assert by_target[MOST]["accuracy"] == 0.57
    assert by_target[MOST]["batches"] == 3


def test_who_never_gets_there_has_no_ratio() -> None:
    """Neither where Concrete ML does not reach our round, nor where we do not reach a share of the clear."""
    ours, theirs = curve(None, 0.54), curve(1.0, 0.52, 0.53)
    by_target = {row["target"]: row for row in equals(0.6, ours, [theirs], PRICES)}
    assert by_target[ONE_ROUND]["batches"] is None
    assert by_target[ONE_ROUND]["theirs"][0] == {"p_error": 0.01, "seconds": None, "ratio": None}
    ahead = equals(0.6, ours, [curve(1.0, 0.6)], PRICES)[0]
    assert (ahead["rounds"], ahead["batches"], ahead["theirs"][0]["ratio"]) == (None, 1, None)


def test_figures_have_their_form(tmp_path: Path) -> None:
    """Also where a price at 2^-40 was not measured, which then says why."""
    unmeasured = ("seconds", "key_bytes", "upload_bytes", "download_bytes", "peak_rss_bytes", "against_clear")
    missing = PRICES[2] | dict.fromkeys(unmeasured) | {"measured": 0, "how": "not run: five times as much"}
    settings = Settings(seeds=(0,), rounds=1, batches=2)
    tree = figures(settings, [*PRICES[:2], missing], [curve(rate, 0.52, 0.55) for rate in RATES])
    write_figures(tmp_path / "peer.json", "peer", tree)
    assert {row["rate"] for row in tree["equal"]} == set(RATES)


def test_the_committed_plot_is_of_the_committed_figures() -> None:
    """The page shows what was measured last."""
    assert (ROOT / "docs" / "results" / PLOT).read_text() == plot(read_figures(COMMITTED, "peer"))


def test_without_concrete_ml_it_is_said_where_it_comes_from() -> None:
    """A plain sentence says it: no extra has it, see pyproject.toml."""
    require_concrete_ml(lambda name: name)
    with pytest.raises(DemoFailed, match="make install"):
        require_concrete_ml(lambda name: None if name == "concrete.ml" else name)


@pytest.mark.soak  # tests/cipher and tests/demo have real rounds as well
@pytest.mark.fhe
def test_our_price_comes_from_a_real_round() -> None:
    """A trainer that was started for it returns weights close to the integer program's."""
    found = prices.of_ours(0)
    assert found["p_error"] == 2.0**-40
    assert found["against_clear"]["relative_l2"] < 0.25
    assert found["key_bytes"] > found["download_bytes"] > found["upload_bytes"] > 0


@pytest.mark.soak  # it tests their library more than ours, and compiling takes half a minute
def test_batches_are_those_of_concrete_ml(task: Task) -> None:
    """What its own `fit` learns in the clear, at its own settings; nothing is encrypted here."""
    answer = answer_to(Request([0], 3))
    assert answer["p_error"] == DEFAULT_P_ERROR
    assert answer["rate"] == SHIPPED_RATE
    assert answer["batch"] == 8
    assert answer["bootstraps"] > 8 * FEATURES
    given = {"X": task.features.tolist(), "y": task.trained.labels.tolist()}
    assert answer["weights"][0][-1] == pytest.approx(ask(["-c", FIT], json.dumps(given)))
