"""The bench of alternatives: what is combined and attacked, a run of two people, and the real libraries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from packaging.requirements import Requirement

from quietkeys.arrays import Float64
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.cipher import Parameters
from quietkeys.cipher.local import LocalCipher
from quietkeys_bench.alternatives import libraries as apart
from quietkeys_bench.alternatives.attack import HABITS, by_chance, read_ciphertexts, recovered
from quietkeys_bench.alternatives.bench import Settings, run
from quietkeys_bench.alternatives.device import Device
from quietkeys_bench.alternatives.exchange import packed, unpacked, uploaded
from quietkeys_bench.alternatives.libraries import Libraries
from quietkeys_bench.alternatives.pages import PAGE, write_pages
from quietkeys_bench.alternatives.ways import CONCRETE_ML, EPSILONS, WAYS
from quietkeys_bench.common.figures import Figures, cells_folder, read_figures
from quietkeys_bench.common.subject import Subject, shipped_subject
from quietkeys_bench.common.texts import Hand, Person, find_people
from quietkeys_protocol.plan import Plan
from tests.sdk import small

EVENTS: Final = 211  # of the shipped plan


class Arithmetic(Libraries):
    """What the libraries compute, without them: a redactor that knows one name, a mean, no noise."""

    def redacted(self, messages: Sequence[str], threshold: float) -> Mapping[str, Any]:
        """Take out every word that ends in "zo"."""
        found = []
        for message in messages:
            spans, place = [], 0
            for token in message.split(" "):
                if token.strip(".").endswith("zo"):
                    spans.append((place, place + len(token)))
                place += len(token) + 1
            found.append({"spans": spans, "text": message})
        return {"messages": found, "seconds": 0.5}

    def averaged(
        self, updates: Sequence[Sequence[float]], examples: Sequence[int], *, secure: bool
    ) -> Mapping[str, Any]:
        """Return the mean, weighed by examples unless it is secure."""
        weights = None if secure else np.array(examples)
        client = {"upload_bytes": 7, "download_bytes": 5, "seconds": 0.1, "round_trips": 4 if secure else 1}
        mean = np.average(np.array(updates), axis=0, weights=weights).tolist()
        return {"mean": mean, "server_seconds": 1.0, "clients": [client for _ in updates]}

    def noised(
        self, rows: Sequence[Sequence[float]], sensitivity: float, epsilons: Sequence[float], delta: float
    ) -> list[Mapping[str, Any]]:
        """Return the rows as they are, once none is found to be longer than was said."""
        assert max(float(np.linalg.norm(row)) for row in rows) <= sensitivity * len(rows) * 1e6
        return [{"epsilon": one, "rows": rows, "seconds": 0.0} for one in epsilons]


def measure(people: list[Person], out: Path) -> None:
    """Measure what is missing of people, without Concrete ML and trainers."""
    libraries = Arithmetic(Path("python"))
    run(Settings(people), out, shipped_subject(), shipped_bundle(), libraries, lambda *_: None)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Person]:
    """Two people who write a little."""
    folder = tmp_path_factory.mktemp("people")
    for number, name in enumerate(("chat_1", "mail_1")):
        lines = small.text(number, 27)
        for place in (2, 7, 12):  # of the words that are learnt
            lines.insert(place, "we found zorbizo here.")
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return find_people(folder)


@pytest.fixture(scope="module")
def measured(people: list[Person], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Figures]:
    """A whole run of both."""
    out = tmp_path_factory.mktemp("out") / "alternatives.json"
    measure(people, out)
    return out, read_figures(out, "alternatives")


def test_a_run_has_a_row_for_every_way_and_person(measured: tuple[Path, Figures]) -> None:
    """In the order of the table; what was not asked for is not there."""
    _, figures = measured
    expected = [way.name for way in WAYS if way is not CONCRETE_ML]
    assert [row["way"] for row in figures["ways"]] == expected
    assert [[one["way"] for one in person["ways"]] for person in figures["people"]] == [expected] * 2
    assert figures["mode"] == "simulate"


def test_the_same_step_is_worth_the_same(measured: tuple[Path, Figures]) -> None:
    """Without noise the ways of differential privacy on a sum all get what averaging gets."""
    rows = {row["way"]: row for row in measured[1]["ways"]}
    assert rows["secagg"]["word_accuracy"] == pytest.approx(rows["federated"]["word_accuracy"], abs=0.02)
    central = {rows[f"central-dp-{epsilon:g}"]["word_accuracy"] for epsilon in EPSILONS}
    assert len(central) == 1
    assert rows["local"]["removed_of_local"] == 0.0


def test_who_sees_nothing_recovers_nothing(measured: tuple[Path, Figures]) -> None:
    """Counts in the clear give all habits away, updates many, and what stays on a device none."""
    rows = {row["way"]: row["attack"] for row in measured[1]["ways"]}
    for way in ("local", "device", "two-local"):
        assert rows[way]["habits_recovered"] == rows[way]["own_words_recovered"] == 0
    assert rows["federated"]["habits_recovered"] > 3 * rows["federated"]["by_chance"]
    assert rows["ours"]["habits_recovered"] < rows["federated"]["habits_recovered"]


def test_a_redactor_takes_words_and_what_they_teach(people: list[Person]) -> None:
    """Nobody reads a word that was taken out; what it counts for is not in what the server trains on."""
    subject = shipped_subject()
    devices = [Device.of(subject.model, person, Hand(0, 0.08), 0) for person in people]
    assert any(device.own_words() for device in devices)
    own, pooled = uploaded(devices, Arithmetic(Path("python")))
    assert [one.own_words for one in own] == [0, 0]
    assert own[0].costs.upload_bytes > 0
    hidden = 0
    for device, one in zip(devices, own, strict=True):
        texts = {word.number: word.text for word in device.learnt}
        assert one.guess is not None
        if any(texts[number].endswith("zo") for number in device.numbers):
            assert not np.allclose(one.guess, device.habits)
            hidden += 1
    assert hidden
    assert pooled[0].step is pooled[1].step


def test_every_counted_choice_belongs_to_its_word(people: list[Person]) -> None:
    """The place of a word is that of its message: the text there is the word."""
    device = Device.of(shipped_subject().model, people[0], Hand(0, 0.08), 0)
    assert len(device.numbers) == len(device.learner.choices) > 0
    places = device.places()
    for word in device.learnt:
        place = places[word.number]
        assert device.messages[place.message][place.begin : place.end].strip(".").lower() == word.text


def test_a_run_goes_on_with_what_is_missing(measured: tuple[Path, Figures], people: list[Person]) -> None:
    """A cell that is gone is measured again and comes out the same; the others are left alone."""
    out, before = measured
    cells = sorted(cells_folder(out).iterdir())
    gone = next(path for path in cells if path.stem == "chat_1-federated")
    kept = {path: path.stat().st_mtime_ns for path in cells if path != gone}
    figure = json.loads(gone.read_text())["right"]
    gone.unlink()
    run(
        Settings(people),
        out,
        shipped_subject(),
        shipped_bundle(),
        Arithmetic(Path("python")),
        lambda *_: None,
    )
    assert json.loads(gone.read_text())["right"] == figure
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [row["word_accuracy"] for row in read_figures(out, "alternatives")["ways"]] == [
        row["word_accuracy"] for row in before["ways"]
    ]


def test_no_text_of_a_person_is_written(measured: tuple[Path, Figures], people: list[Person]) -> None:
    """Neither cells nor figures nor pages hold a word of anybody's own."""
    out, figures = measured
    write_pages(figures, out.parent / "pages")
    written = [*cells_folder(out).iterdir(), out, *(out.parent / "pages").iterdir()]
    said = "\n".join(path.read_text() for path in written)
    own = {word.text for person in people for word in person.words() if word.text.endswith("zo")}
    assert own
    assert not [word for word in own if word in said]


def test_the_page_has_its_plots_and_everybody(measured: tuple[Path, Figures], tmp_path: Path) -> None:
    """Two plots that are well-formed, a row for each way in both tables, a row for each person."""
    from xml.etree import ElementTree

    write_pages(measured[1], tmp_path)
    text = (tmp_path / PAGE).read_text()
    for row in measured[1]["ways"]:
        assert text.count(f"| {row['title']} |") == 2
    plots = sorted(tmp_path.glob("*.svg"))
    assert len(plots) == 2
    for path in plots:
        assert f"]({path.name})" in text
        ElementTree.fromstring(path.read_text())  # noqa: S314 - our own


def test_a_step_survives_packing(small_subject: Subject) -> None:
    """What is sent as one row of numbers is the same step again."""
    plan, rng = small_subject.model.plan, np.random.default_rng(0)
    step = {block.name: rng.normal(size=block.width) for block in plan.blocks}
    again = unpacked(plan, packed(plan, step))
    assert all(np.allclose(again[name], values) for name, values in step.items())


def test_the_attack_finds_what_is_there() -> None:
    """Counts as they are give all ten habits; the others' mean is what a person is compared with."""
    rng = np.random.default_rng(1)
    habits: list[Float64] = [rng.normal(size=EVENTS) for _ in range(5)]
    assert recovered(habits, habits, 2) == HABITS
    assert recovered(habits, [-one for one in habits], 2) == 0
    assert recovered(habits, [None] * 5, 2) == 0
    crowd = np.mean(habits, axis=0)
    assert recovered(habits, [crowd] * 5, 2) < HABITS


def test_luck_finds_what_is_said_of_it() -> None:
    """The mean of many guesses without knowledge is `by_chance`."""
    rng = np.random.default_rng(2)
    found = [recovered([rng.normal(size=EVENTS)], [rng.normal(size=EVENTS)], 0) for _ in range(2000)]
    assert float(np.mean(found)) == pytest.approx(by_chance(EVENTS), abs=0.06)


def test_ciphertexts_read_as_numbers_are_noise(tmp_path: Path) -> None:
    """The same report twice gives two readings that have nothing in common; without its mask it is there."""
    bundle = shipped_bundle()
    plan = Plan.parse(bundle["plan.json"])
    parameters = Parameters.of(plan, bundle["client_specification.json"])
    arrays = [np.full(field.size, field.high, dtype=np.int64) for field in plan.report_fields]
    cipher = LocalCipher(tmp_path / "keys", parameters, file_key=bytes(32))
    cipher.generate_keys()
    first, second = (read_ciphertexts(parameters, cipher.encrypt(arrays)) for _ in range(2))
    cipher.close()
    assert first.shape == (EVENTS,)
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.5
    assert not np.allclose(first, second)


def test_what_is_installed_apart_is_pinned_with_hashes() -> None:
    """Every package of the environment has one version and hashes; what was asked for is among them."""
    lines = apart.REQUIREMENTS.read_text().splitlines()
    names = {Requirement(line.rstrip(" \\")).name for line in lines if line and not line.startswith(" ")}
    assert sum("--hash=sha256:" in line for line in lines) >= len(names)
    assert all("==" in line for line in lines if line and not line.startswith(" "))
    asked = apart.REQUIREMENTS.with_suffix(".in").read_text().splitlines()
    assert {Requirement(line.partition("#")[0]).name for line in asked if line[0] != "#"} <= names


@pytest.mark.soak
@pytest.mark.parametrize("secure", [False, True])
def test_flower_averages_what_was_sent(secure: bool) -> None:
    """Both rounds finish; the secure one weighs everybody alike, clips nothing and shows ones."""
    rng = np.random.default_rng(3)
    updates = rng.uniform(-1.0, 1.0, (3, 11))
    answer = Libraries(apart.made_environment()).averaged(updates.tolist(), [10, 20, 70], secure=secure)
    weights = None if secure else np.array([10, 20, 70])
    assert np.allclose(answer["mean"], np.average(updates, axis=0, weights=weights), atol=1e-5)
    assert answer["shown_examples"] == ([1, 1, 1] if secure else [10, 20, 70])
    assert [one["round_trips"] for one in answer["clients"]] == [4 if secure else 1] * 3


@pytest.mark.soak
def test_noise_is_as_large_as_was_accounted_for() -> None:
    """The smaller epsilon, the more of it; never more privacy claimed than dp-accounting allows."""
    answers = Libraries(apart.made_environment()).noised([[0.0] * 2000], 2.0, EPSILONS, 1e-5)
    spreads = [float(np.std(answer["rows"][0])) for answer in answers]
    assert spreads == sorted(spreads, reverse=True)
    for answer, spread in zip(answers, spreads, strict=True):
        assert answer["accounted"] <= answer["epsilon"] + 1e-6
        assert spread == pytest.approx(2.0 * answer["multiplier"], rel=0.1)


@pytest.mark.soak
def test_presidio_takes_out_names_and_addresses() -> None:
    """The spans are those of the original message."""
    message = "my name is John Smith, write to john@example.org"
    answer = Libraries(apart.made_environment()).redacted([message], 0.0)
    (one,) = answer["messages"]
    assert any(message[begin:end] == "John Smith" for begin, end in one["spans"])
    assert "example.org" not in one["text"]
