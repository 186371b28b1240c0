"""The personalization bench: a tiny clear run, going on after a stop, the training under encryption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys.arrays import Int64
from quietkeys.evaluation.ladder import learn_person, reference_weights, split, try_person
from quietkeys.evaluation.rounds import evidence_of, rounds
from quietkeys.updates.report import Encoded
from quietkeys_bench.common.figures import cells_folder, read_figures
from quietkeys_bench.common.misspellings import Half, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person, find_people, spread
from quietkeys_bench.common.training import field_of
from quietkeys_bench.personalization.bench import Settings, run
from quietkeys_bench.personalization.probe import NO_PROBE, read_probe
from tests.sdk import small

CLEAR = ["none", "base", "local", "raw", "float", "reference"]


class Stopped(Exception):  # noqa: N818 - what happened
    """A run that was stopped from outside."""


def measured(subject: Subject, writers: Path, out: Path, stop_after: int | None = None) -> dict[str, object]:
    """Run the bench on everybody with two seeds; raise Stopped after so many cells."""

    def tell(done: int, total: int, name: str) -> None:
        assert 1 <= done <= total == 6
        assert name
        if done == stop_after:
            raise Stopped

    run(Settings(find_people(writers), seeds=(0, 1)), out, lambda: subject, tell)
    return read_figures(out, "personalization")


@pytest.fixture(scope="module")
def figures(small_subject: Subject, writers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run that nobody stopped."""
    out = tmp_path_factory.mktemp("figures") / "whole.json"
    measured(small_subject, writers, out)
    return out


def test_a_clear_run_measures_the_clear_rungs(figures: Path) -> None:
    """The ladder has every rung that needs no encryption, for all and for each person."""
    result = read_figures(figures, "personalization")
    assert [row["rung"] for row in result["ladder"]] == CLEAR
    assert [person["name"] for person in result["people"]] == ["chat_1", "chat_2", "mail_1"]
    assert all([row["rung"] for row in person["ladder"]] == CLEAR for person in result["people"])
    assert result["mode"] == "clear"
    assert result["agreement"] is None
    assert result["rate"] == 0.08


def test_figures_are_those_of_their_definition(figures: Path) -> None:
    """errors_vs_base is the change of errors against base; a ladder is the mean over people."""
    result = read_figures(figures, "personalization")
    by_rung = {row["rung"]: row for row in result["ladder"]}
    base = 1 - by_rung["base"]["word_accuracy"]
    for row in result["ladder"]:
        assert row["errors_vs_base"] == pytest.approx((1 - row["word_accuracy"] - base) / base)
        own = [r["word_accuracy"] for p in result["people"] for r in p["ladder"] if r["rung"] == row["rung"]]
        assert row["word_accuracy"] == pytest.approx(np.mean(own))
    assert by_rung["none"]["word_accuracy"] < by_rung["base"]["word_accuracy"]


def test_a_stopped_run_goes_on_to_the_same_figures(
    small_subject: Subject, writers: Path, figures: Path, tmp_path: Path
) -> None:
    """A run stopped after two cells keeps them, measures only the others, and ends with the same JSON."""
    out = tmp_path / "stopped.json"
    with pytest.raises(Stopped):
        measured(small_subject, writers, out, stop_after=2)
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in cells_folder(out).iterdir()}
    assert len(kept) == 2
    cut = min(kept)
    cut.write_bytes(cut.read_bytes()[:100])  # as after a full disk; a kill cannot leave this
    measured(small_subject, writers, out)
    untouched = max(kept)
    assert untouched.stat().st_mtime_ns == kept[untouched]
    assert out.read_bytes() == figures.read_bytes()


def test_cells_of_another_model_are_measured_again(
    small_subject: Subject, writers: Path, figures: Path, tmp_path: Path
) -> None:
    """Figures that an older bundle left behind are not mixed with those of a newer one."""
    out = tmp_path / "other.json"
    folder = cells_folder(out)
    folder.mkdir()
    for path in cells_folder(figures).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    other = Subject(small_subject.model, "0" * 64)
    measured(other, writers, out)
    subjects = {json.loads(path.read_text())["subject"] for path in folder.iterdir()}
    assert subjects == {"0" * 64}


def test_training_makes_the_encrypted_rung(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """What comes back from training is measured, judged, and compared with the reference."""

    def train(report: Mapping[str, Encoded]) -> Mapping[str, Int64]:
        exact = reference_weights(small_subject.model.plan, report)
        return {block: weights + (weights != 0) for block, weights in exact.items()}

    out = tmp_path / "execute.json"
    settings = Settings(find_people(writers)[:1], seeds=(0,), mode=Mode.EXECUTE)
    run(settings, out, lambda: small_subject, lambda *_: None, train=train)
    result = read_figures(out, "personalization")
    assert [row["rung"] for row in result["ladder"]] == [*CLEAR, "encrypted"]
    blocks = {row["block"]: row for row in result["agreement"]["blocks"]}
    assert set(blocks) == {block.name for block in small_subject.model.plan.blocks}
    assert all(row["relative_l2"] < 0.5 and 0.5 < row["slope"] < 1.5 for row in blocks.values())
    assert result["agreement"]["same_best"] > 0.9


def test_simulation_can_be_repeated(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """In simulate mode the `encrypted` rung is the program with modelled noise, the same on every run."""
    settings = Settings(find_people(writers)[:1], seeds=(0,), mode=Mode.SIMULATE)
    outs = [tmp_path / "one.json", tmp_path / "two.json"]
    for out in outs:
        run(settings, out, lambda: small_subject, lambda *_: None)
    result = read_figures(outs[0], "personalization")
    assert [row["rung"] for row in result["ladder"]] == [*CLEAR, "encrypted"]
    assert any(row["relative_l2"] > 0 for row in result["agreement"]["blocks"])
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_memory_learns_on_while_it_is_tested(small_subject: Subject, writers: Path) -> None:
    """On every rung from its own words, unless it is frozen; no rung changes what another knows."""
    writer, words = Hand(0, 0.15).writes(find_people(writers)[0])
    learnt, tested = split(words)
    learner = learn_person(small_subject.model, learnt, writer, np.random.default_rng(0))
    before = dict(learner.predictor.memory.counts)
    adapters = {"one": learner.model.scorer.no_adapter(), "two": learner.model.scorer.no_adapter()}
    going_on, frozen = (try_person(learner, tested, writer, adapters, frozen) for frozen in (False, True))
    assert learner.predictor.memory.counts == before
    for outcome in (going_on, frozen):
        assert outcome.best["one"] == outcome.best["two"] == outcome.best["local"]
        assert outcome.log_likelihood["one"] == outcome.log_likelihood["local"]
    assert going_on.best["base"] == frozen.best["base"]
    assert np.sum(going_on.log_likelihood["local"]) > np.sum(frozen.log_likelihood["local"])


def test_words_are_counted_by_how_they_were_typed(small_subject: Subject, writers: Path) -> None:
    """Slips, misspellings and good words are all of them; own words are those that the lexicon lacks."""
    typos = {word: [word + word[-1]] for word in small.WORDS if len(word) > 3}
    writer, words = Hand(0, 0.1, Misspellings(typos)).writes(find_people(writers)[0])
    unsure = [replace(word, scored=number % 9 != 0) for number, word in enumerate(words)]
    learnt, tested = split(unsure)
    learner = learn_person(small_subject.model, learnt, writer, np.random.default_rng(0))
    outcome = try_person(learner, tested, writer, {})
    assert len(outcome.words) == sum(word.scored for word in tested)
    shares = {rung: outcome.shares(rung) for rung in ("none", "base", "local")}
    among = {name: count for name, (_, count) in shares["local"].items()}
    own = sum(word.scored and word.text not in small.WORDS for word in tested)
    misspelt = sum(word.scored and word.misspelt for word in tested)
    assert among["slips_fixed"] + among["misspellings_fixed"] + among["good_altered"] == len(outcome.words)
    assert (among["own_kept"], among["misspellings_fixed"]) == (own, misspelt)
    assert misspelt > 0
    assert shares["none"]["slips_fixed"][0] == shares["none"]["good_altered"][0] == 0
    assert shares["base"]["slips_fixed"][0] > 0
    right = sum(outcome.right["base"])
    good = among["good_altered"] - shares["base"]["good_altered"][0]
    assert right == good + shares["base"]["slips_fixed"][0] + shares["base"]["misspellings_fixed"][0]


def test_rounds_go_on_from_the_weights_before(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """Each starts where the last one ended, is judged against it, and has a rung of its own."""
    out = tmp_path / "rounds.json"
    settings = Settings(find_people(writers)[:1], seeds=(0,), rounds=3, yardsticks=False)
    run(settings, out, lambda: small_subject, lambda *_: None)
    result = read_figures(out, "personalization")
    rungs = ["none", "base", "local", "reference", "reference-2", "reference-3"]
    assert [row["rung"] for row in result["ladder"]] == rungs
    assert [row["round"] for row in result["by_round"]] == [1, 2, 3]
    assert result["reference_keeps"] == {"errors": None, "log_likelihood": None}
    writer, words = Hand(0, 0.08).writes(settings.people[0])
    learner = learn_person(small_subject.model, split(words)[0], writer, np.random.default_rng(0))
    reports: list[Mapping[str, Encoded]] = []
    plan = small_subject.model.plan

    def train(report: Mapping[str, Encoded]) -> Mapping[str, Int64]:
        reports.append(report)
        return reference_weights(plan, report)

    one, other = rounds(small_subject.model, evidence_of(learner), 2, train, gated=False)
    assert (one.led.version, other.led.version) == (1, 2)
    assert other.before == one.used == one.led
    assert (one.report, other.report) == tuple(reports)
    first, second = one.verdict, other.verdict
    assert first.events == second.events > 0
    assert second.right == first.right + first.fixed - first.broken
    fields = [field_of(plan, one.report, one.step) for one in (one, other)]
    assert all(0.0 < far <= 1.0 and not spilled for spilled, far in fields)
    assert all(0.0 < row["field"] <= 1.0 and row["spilled"] == 0.0 for row in result["by_round"])


def test_a_training_that_leaves_its_field_is_told(small_subject: Subject, writers: Path) -> None:
    """Whether on its way, as the report has it run in the clear, or where what came back ended."""
    writer, words = Hand(0, 0.08).writes(find_people(writers)[0])
    learner = learn_person(small_subject.model, split(words)[0], writer, np.random.default_rng(0))
    (made,) = rounds(small_subject.model, evidence_of(learner), 1)
    plan = small_subject.model.plan
    first = plan.blocks[0]
    report, step = made.report[first.name], made.step[first.name]
    steep = Encoded(report.strength, 100 * report.gradient)
    on_the_way = replace(made, report={**made.report, first.name: steep})
    at_the_end = replace(made, step={**made.step, first.name: 100 * step})
    for one in (on_the_way, at_the_end):
        spilled, farthest = field_of(plan, one.report, one.step)
        assert spilled == [first.name]
        assert farthest > 1.0


def test_the_probe_is_tried_on_every_rung(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """Base and what a person's updates make of the same rows; halves have none in common."""
    rows = "".join(f"{word[:-1]}\t{word}\twe {{{{{word[:-1]}}}}}\n" for word in small.WORDS if len(word) > 4)
    table = tmp_path / "list.tsv"
    table.write_text(f"typo\tcorrect\tcontext\n{rows}a lot\talot\t\n")
    choose, report = (read_probe([table], half, 0) for half in (Half.CHOOSE, Half.REPORT))
    (name, chosen), (_, reported) = choose.lists[0], report.lists[0]
    assert name == "list"
    assert len(chosen) + len(reported) == rows.count("\n")
    assert not {one.correct for one in chosen} & {one.correct for one in reported}
    assert chosen[0].context == ("we",)
    out = tmp_path / "probe.json"
    settings = Settings(find_people(writers)[:2], seeds=(0,), yardsticks=False, probe=choose)
    run(settings, out, lambda: small_subject, lambda *_: None)
    probe = {(row["list"], row["rung"]): row for row in read_figures(out, "personalization")["probe"]}
    assert set(probe) == {(one, rung) for one in ("list", "all") for rung in ("base", "local", "reference")}
    assert 0.3 < probe["list", "base"]["top1"] <= probe["list", "base"]["top3"] <= 1.0
    assert probe["all", "local"]["top1"] == probe["list", "local"]["top1"]
    assert len(read_probe([table], Half.ALL, 3).lists[0][1]) == 3
    assert read_probe([], Half.ALL, 0) is NO_PROBE


def test_a_limit_takes_people_of_every_kind_in_turn() -> None:
    """The first of each kind come before the second of any."""
    people = [Person(name, Path(name)) for name in ("irc_1", "irc_2", "nus_1", "nus_2", "crd3_1")]
    assert [person.name for person in spread(people, 4)] == ["crd3_1", "irc_1", "irc_2", "nus_1"]
    assert len(spread(people, 0)) == 5
