"""Studies of the ladder: parts of updates, memory left out, text that changes, wrong words on purpose."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from rich.console import Console
from rich.measure import Measurement

from quietkeys.evaluation.ladder import Learner, learn_person, learn_without_memory, split, try_person
from quietkeys.evaluation.messages import typed_words
from quietkeys.evaluation.rounds import evidence_of, in_use, rounds, training_only
from quietkeys.evaluation.writer import Writer
from quietkeys.updates.versions import Weights, no_weights
from quietkeys_bench.common.figures import Figures, cells_folder, read_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import Hand, find_people
from quietkeys_bench.personalization.bench import Settings, run
from quietkeys_bench.personalization.command import show
from quietkeys_bench.personalization.study import REVIEW_WORDS, Study, StudyCell, lived_with
from quietkeys_bench.personalization.study_pool import LADDER, pool_studies, removed_by_people
from quietkeys_bench.personalization.study_tables import study_tables
from tests.sdk import small

if TYPE_CHECKING:
    from quietkeys.evaluation.ladder import Tested  # no test, whatever its name says

WIDTH: Final = 80
SIZES: Final[dict[str, Any]] = {"seeds": (0,), "rounds": 2, "yardsticks": False, "words_limit": 150}
POINTS: Final = (60, 200)  # more than `words_limit` has, and fewer than the text


def measured(subject: Subject, writers: Path, out: Path) -> list[str]:
    """Run every study on one who chats and one who writes mail; return of whom what was measured is."""
    people, told = find_people(writers)[::2], list[str]()
    settings = Settings(people, studies=list(Study), points=POINTS, **SIZES)
    run(settings, out, lambda: subject, lambda done, total, name: told.append(name))
    return told


@pytest.fixture(scope="module")
def whole(small_subject: Subject, writers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run of all studies."""
    out = tmp_path_factory.mktemp("studies") / "whole.json"
    measured(small_subject, writers, out)
    return out


def learner_of(subject: Subject, writers: Path) -> Learner:
    """Somebody after the words that are learnt."""
    writer, words = Hand(0, 0.15).writes(find_people(writers)[0])
    return learn_person(subject.model, split(words)[0], writer, np.random.default_rng(0))


def test_every_study_has_its_updates(whole: Path, small_subject: Subject) -> None:
    """A row for each update, beside the ladder's own where there is one to compare with."""
    blocks = [block.name for block in small_subject.model.plan.blocks]
    parts = [f"{how} {name}" for how in ("only", "without") for name in blocks]
    rows: dict[str, list[Figures]] = {study: [] for study in Study}
    for row in read_figures(whole, "personalization")["studies"]:
        rows[row["study"]].append(row)
    names = {study: [row["name"] for row in own] for study, own in rows.items()}
    assert names == {
        "blocks": [LADDER, *parts],
        "memory": [LADDER, "no memory"],
        "curve": ["60", "200"],
        "drift": [LADDER, "stranger", "owner again", "later"],
        "hostile": [LADDER, "hostile 10%"],
    }
    assert all(row["people"] == 2 for own in rows.values() for row in own)
    assert [row["words_learnt"] for row in rows["curve"]] == [60.0, 200.0]
    assert rows["curve"][1]["since_before"] is not None
    memory = rows["memory"][1]
    assert memory["local_removes"] == 0.0
    assert memory["all_removes"] == memory["in_use_removes"]


def test_wrong_words_are_learnt_and_honest_ones_tested(whole: Path) -> None:
    """Base does on the tested words what it does in the ladder; who learnt the wrong words does not."""
    for person in ("chat_1", "mail_1"):
        ladder, spoilt = (
            cells_folder(whole) / f"{person}-seed0-rate0.08-{name}.json" for name in ("clear", "hostile")
        )
        honest = {row["rung"]: row for row in read_figures(ladder, "person")["rungs"]}
        (update,) = read_figures(spoilt, "study")["updates"]
        hostile = {row["rung"]: row for row in update["rungs"]}
        assert hostile["base"]["log_likelihood"] == honest["base"]["log_likelihood"]
        assert hostile["local"]["log_likelihood"] != honest["local"]["log_likelihood"]


def test_words_that_a_hostile_writer_keeps_are_learnt(small_subject: Subject) -> None:
    """Words that were never meant, and about as many as the share says."""
    words = typed_words(small.text(0, 30))
    meant = {piece.text for word in words for piece in word.pieces}
    honest = Writer.named("owner", 0, 0.001)
    taught = {}
    for hostile in (0.0, 0.2):
        chance = np.random.default_rng(0)
        learner = learn_person(small_subject.model, words, replace(honest, hostile=hostile), chance)
        counts = learner.predictor.memory.words()
        taught[hostile] = sum(count for word, count in counts.items() if word not in meant) / len(words)
    assert taught[0.0] < 0.02
    assert 0.05 < taught[0.2] < 0.25


def test_the_ladder_is_the_same_beside_studies(whole: Path) -> None:
    """A study's row of the ladder is what the ladder says after the last round."""
    figures = read_figures(whole, "personalization")
    row = next(one for one in figures["studies"] if (one["study"], one["name"]) == ("blocks", LADDER))
    for name, top in (("local", "local"), ("update", "update"), ("in_use", "update")):
        gated = "_gated" if name == "in_use" else ""
        assert row[f"{name}_removes"] == pytest.approx(figures[f"{top}_removes{gated}"])
    assert row["applied"] == figures["applied"]


def test_a_stopped_run_measures_what_is_missing(
    whole: Path, small_subject: Subject, writers: Path, tmp_path: Path
) -> None:
    """Nothing else: not the ladder's cells, not other studies; and it ends with the same figures."""
    out = tmp_path / "again.json"
    folder = cells_folder(out)
    folder.mkdir()
    for path in cells_folder(whole).iterdir():
        if path.name != "mail_1-seed0-rate0.08-hostile.json":
            (folder / path.name).write_bytes(path.read_bytes())
    assert measured(small_subject, writers, out) == ["mail_1"]
    assert out.read_bytes() == whole.read_bytes()


def test_other_points_are_another_study(whole: Path, small_subject: Subject, writers: Path) -> None:
    """Figures of one curve are none of another, and those of another stranger none of this drift."""
    people = find_people(writers)[::2]
    cell = Settings(people, **SIZES).cells()[0]
    folder, subject = cells_folder(whole), small_subject.identity
    curve = StudyCell(Study.CURVE, cell, POINTS)
    assert curve.figures(folder, subject)
    assert not replace(curve, points=(60, 100)).figures(folder, subject)
    drift = StudyCell(Study.DRIFT, cell, other=people[1])
    assert drift.figures(folder, subject)
    assert not replace(drift, other=people[0]).figures(folder, subject)


def test_somebody_of_another_kind_types_in_between(writers: Path) -> None:
    """The next in turn, or else whoever is next; nobody where there is one person only."""
    people = find_people(writers)

    def strangers(*names: int) -> list[str]:
        cells = Settings([people[name] for name in names], seeds=(0,), studies=[Study.DRIFT]).study_cells()
        return [cell.other.name if cell.other else "" for cell in cells]

    assert strangers(0, 1, 2) == ["mail_1", "mail_1", "chat_1"]
    assert strangers(0, 1) == ["chat_2", "chat_1"]
    assert strangers(0) == [""]


def test_studies_are_of_one_rate(writers: Path) -> None:
    """That of the figures at the top level; each study of each person and seed."""
    people = find_people(writers)
    studied = Settings(people, rates=(0.04, 0.08), seeds=(0, 1), studies=list(Study)).study_cells()
    assert {cell.cell.rate for cell in studied} == {0.08}
    assert len({cell.path(Path("folder")) for cell in studied}) == len(studied) == 3 * 2 * len(Study)


def test_tables_of_studies_fit_in_80_columns(whole: Path) -> None:
    """No figure is cut off, also where shares and people have all their digits."""
    figures = read_figures(whole, "personalization")
    for row in figures["studies"]:
        wide = [name for name in row if name.endswith("removes")]
        row |= {**dict.fromkeys(wide, -0.1234), "in_use_interval": [-0.1234, -0.1123], "people": 39}
        row |= {"applied": 1.0, "taken_back": 1.0}
        row["since_before"] = -0.1234 if row["since_before"] is not None else None
    console = Console(file=io.StringIO(), width=WIDTH, record=True)
    show(console, figures)
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "-12.3..-11.2" in text
    tables = list(study_tables(figures["studies"], 0.08))
    assert len(tables) == len(Study)
    unlimited = console.options.update(width=10 * WIDTH)
    for table in tables:
        assert Measurement.get(console, unlimited, table).maximum <= WIDTH, table.title


def test_blocks_can_be_trained_alone(small_subject: Subject, writers: Path) -> None:
    """The first step of a block is that of the whole update, and the others stay where they are."""
    learner, plan = learner_of(small_subject, writers), small_subject.model.plan
    given = evidence_of(learner)
    (whole,) = rounds(small_subject.model, given, 1, gated=False)
    first, *others = (block.name for block in plan.blocks)
    for names in ({first}, set(others)):
        (made,) = rounds(small_subject.model, given, 1, training_only(plan, names), gated=False)
        for name, step in made.step.items():
            assert np.array_equal(step, whole.step[name] if name in names else np.zeros_like(step))
        assert not any(made.led.by_block[name].any() for name in whole.step if name not in names)


def test_rounds_are_used_up_to_the_first_that_is_refused(small_subject: Subject, writers: Path) -> None:
    """Later ones that the gate would take are of no use."""
    learner = learner_of(small_subject, writers)
    (made,) = rounds(small_subject.model, evidence_of(learner), 1)
    taken, refused = (replace(made, verdict=replace(made.verdict, applied=so)) for so in (True, False))
    assert in_use([taken, taken]) == 2
    assert in_use([taken, refused, taken]) == 1
    assert in_use([refused, taken]) == 0


def test_without_memory_a_keyboard_stays_the_base_model(small_subject: Subject, writers: Path) -> None:
    """It counts what is kept, but judges each word as if it knew nobody, before and while it is tested."""
    writer, words = Hand(0, 0.15).writes(find_people(writers)[0])
    learnt, tested = split(words)
    learner = learn_without_memory(small_subject.model, learnt, writer, np.random.default_rng(0))
    assert not learner.predictor.memory.counts
    assert len(learner.recorder.counted()[0]) > 0
    assert len(learner.held_out()) > 0
    outcome = try_person(learner, tested, writer, {})
    assert outcome.best["local"] == outcome.best["base"]
    assert outcome.log_likelihood["local"] == outcome.log_likelihood["base"]


class KeepsAside(np.random.Generator):
    """Chance by which every word that is in doubt judges updates, so that a few words are enough for it."""

    def random(self, *_: Any, **__: Any) -> float:  # type: ignore[override]
        """Return what is below any share."""
        return 0.0

    def __deepcopy__(self, known: object) -> KeepsAside:
        """Return itself: there is nothing in it that changes."""
        return self


def lived(
    subject: Subject, nats: float, *, applied: bool = True, lines: int = 60
) -> tuple[Tested, int | None]:
    """Return what becomes of an update that adds so much to whatever no lexicon has, where fingers slip."""
    model, plan = subject.model, subject.model.plan
    chance = KeepsAside(np.random.PCG64(0))
    own = typed_words(small.text(0, 12))
    learner = learn_person(model, own, Writer.named("owner", 0, 0.15), chance)
    (made,) = rounds(model, evidence_of(learner), 1)
    literal = next(block for block in plan.blocks if block.name == "literal")
    trusting = np.full(literal.width, int(nats / literal.z_unit))
    led = Weights(1, {**no_weights(plan).by_block, "literal": trusting})
    made = replace(made, led=led, verdict=replace(made.verdict, applied=applied))
    parts = {"stranger": (Writer.named("stranger", 0, 0.3), typed_words(small.text(5, lines)))}
    return lived_with(learner, made, parts)["stranger"]


def test_an_update_that_later_text_speaks_against_is_taken_back(small_subject: Subject) -> None:
    """At the first review; from then on the keyboard is as without it, and the update as it was goes on."""
    tested, taken_back = lived(small_subject, 6.0)
    assert taken_back == REVIEW_WORDS < len(tested.words)
    nats = {rung: np.array(of_words) for rung, of_words in tested.log_likelihood.items()}
    assert nats["local"].mean() > nats["in_use"].mean() > nats["update"].mean()
    assert np.array_equal(nats["in_use"][: REVIEW_WORDS // 2], nats["update"][: REVIEW_WORDS // 2])


def test_an_update_that_later_text_speaks_for_stays(small_subject: Subject) -> None:
    """Who slips gains by one that trusts nothing unknown; the review leaves it in use."""
    tested, taken_back = lived(small_subject, -3.0)
    assert taken_back is None
    assert tested.best["in_use"] == tested.best["update"]
    assert tested.accuracy("update") > tested.accuracy("local")


def test_an_update_that_the_gate_refused_is_not_used(small_subject: Subject) -> None:
    """Whatever it would do."""
    tested, taken_back = lived(small_subject, 6.0, applied=False, lines=12)
    assert taken_back is None
    assert tested.best["in_use"] == tested.best["local"] != tested.best["update"]


def update(wrong: Mapping[str, int], learnt: int = 2000, **others: Any) -> Figures:
    """What a study says of one update, of a thousand words."""
    rungs = [{"rung": rung, "right": 1000 - count} for rung, count in wrong.items()]
    verdicts = [{"applied": others.get("applied", True)}]
    taken_back = others.get("taken_back")
    sizes = {"words_learnt": learnt, "words_tested": 1000}
    return {"name": f"{learnt}", **sizes, "rungs": rungs, "verdicts": verdicts, "taken_back": taken_back}


def study(name: Study, person: str, *updates: Figures) -> Figures:
    """A study of one person."""
    return {"study": name.value, "person": person, "rounds_limit": 1, "updates": list(updates)}


def test_points_of_a_curve_are_compared_by_the_same_people() -> None:
    """Who has too few words for a point has no part in what it gained, and points come in order."""
    few = {"base": 100, "local": 90, "update": 80, "in_use": 80}
    more = {"base": 100, "local": 70, "update": 60, "in_use": 60}
    one = study(Study.CURVE, "a", update(few, 500), update(more, 1000))
    other = study(Study.CURVE, "b", update({**few, "in_use": 40}, 500))
    first, second = pool_studies([one, other], [])
    assert [(row["people"], row["words_learnt"]) for row in (first, second)] == [(2, 500.0), (1, 1000.0)]
    assert first["since_before"] is None
    assert second["since_before"] == pytest.approx(20 / 80)
    assert first["in_use_removes"] == pytest.approx((180 - 120) / 180)
    assert second["all_removes"] == pytest.approx(0.4)


def test_what_was_applied_and_taken_back_is_counted() -> None:
    """Over people and seeds; seeds of a person are one person."""
    wrong = {"base": 100, "local": 90, "update": 80, "in_use": 90}
    seeds = [
        study(Study.DRIFT, "a", update(wrong, applied=False)),
        study(Study.DRIFT, "a", update(wrong, taken_back=300)),
        study(Study.DRIFT, "b", update(wrong)),
        study(Study.DRIFT, "b", update(wrong)),
    ]
    (row,) = [row for row in pool_studies(seeds, [cell_of("a"), cell_of("b")]) if row["name"] != LADDER]
    assert (row["people"], row["applied"], row["taken_back"]) == (2, 0.75, 0.25)
    assert row["update_removes"] == pytest.approx(1 / 9)


def cell_of(person: str) -> Figures:
    """A cell of the ladder, of which the gate refused the update."""
    rungs = [{"rung": rung, "right": 900} for rung in ("base", "local", "reference")]
    rounds = [{"rung": "reference", "applied": False}]
    return {"person": person, "words_learnt": 2000, "words_tested": 1000, "rungs": rungs, "rounds": rounds}


def test_intervals_resample_people() -> None:
    """Alike people leave nothing open; one of two who gains leaves all of it open."""
    share, interval = removed_by_people(np.array([0.1, 0.2]), np.array([0.05, 0.1]))
    assert [share, *interval] == pytest.approx([0.5, 0.5, 0.5])
    share, interval = removed_by_people(np.array([0.1, 0.1]), np.array([0.05, 0.1]))
    assert [share, *interval] == pytest.approx([0.25, 0.0, 0.5])
    assert removed_by_people(np.zeros(2), np.zeros(2)) == (0.0, [0.0, 0.0])
