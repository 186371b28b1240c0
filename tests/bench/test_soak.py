"""What must hold on real people: the figures that the README states, measured again. `make soak DATA=...`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.evaluation.machine import usable_cores
from quietkeys_bench.autocorrect import bench as autocorrect
from quietkeys_bench.autocorrect.spellers.catalogue import PEERS, Texts
from quietkeys_bench.common.figures import kept_figures, read_figures
from quietkeys_bench.common.rows import corpus_name
from quietkeys_bench.common.subject import Mode, bundle_identity, shipped_subject
from quietkeys_bench.common.texts import find_people, spread
from quietkeys_bench.common.training import encrypted_training
from quietkeys_bench.every import PROSE, measure, named, rows_in
from quietkeys_bench.nextword import bench as nextword
from quietkeys_bench.personalization.bench import Settings, run
from tests.bench import promises

pytestmark = pytest.mark.soak
ENCRYPTED_PEOPLE: Final = 6
BUSY: Final = 0.3  # load per core from others, above which times say nothing

Figures = dict[str, Any]


def kept(out: Path, name: str, settings: Figures) -> Figures:
    """Return what an earlier soak, or the command itself, measured of the shipped bundle in the same way."""
    return kept_figures(out, name, settings | {"subject": bundle_identity(shipped_bundle())})


@pytest.fixture(scope="module")
def corrections(data_folder: Path, results_folder: Path) -> Figures:
    """Figures of autocorrect on every set, beside the peers that are installed."""
    out = results_folder / "autocorrect.json"
    peers = [peer for peer in PEERS if peer.is_installed()]
    files = rows_in(data_folder / "misspellings", data_folder / "typing")
    settings = autocorrect.Settings(files, peers=peers, texts=Texts(data_folder / "text"))
    figures = kept(out, "autocorrect", {"seed": settings.seed, "rows_limit": settings.rows})
    tried = {one["name"] for key in ("engines", "missing_peers") for one in figures.get(key, ())}
    measured = {one["corpus"] for one in figures.get("corpora", ())}
    if not {peer.name for peer in peers} < tried or measured != set(map(corpus_name, files)):
        measure(named("autocorrect"), data_folder, out)
    return read_figures(out, "autocorrect")


@pytest.fixture(scope="module")
def predictions(data_folder: Path, results_folder: Path) -> Figures:
    """Figures of the next word for everybody."""
    out = results_folder / "nextword.json"
    prose = data_folder / "text" / PROSE
    settings = nextword.Settings(find_people(data_folder / "people"), perplexity=prose)
    figures = kept(out, "nextword", {"words_limit": settings.words, "seed": settings.seed})
    measured = {one["name"] for one in figures.get("people", ())}
    if not figures.get("perplexity") or measured != {person.name for person in settings.people}:
        measure(named("nextword"), data_folder, out)
    return read_figures(out, "nextword")


def test_autocorrect_is_ahead_of_every_peer(corrections: Figures) -> None:
    """On every set, isolated or in context, in what it puts in place and in what it offers."""
    if len(corrections["engines"]) == 1:
        pytest.skip("no peer is installed: benchmarks/README.md says how")
    assert promises.behind_peers(corrections) == []


def test_mistakes_of_real_typing_are_corrected(corrections: Figures) -> None:
    """Two in three at once, five in six within the strip."""
    assert promises.short_on_typing(corrections) == []


def test_good_words_are_left_alone(corrections: Figures) -> None:
    """At the same level that corrects the mistakes."""
    assert promises.harmful(corrections) == []


def test_the_keyboard_has_manners(data_folder: Path, results_folder: Path) -> None:
    """On every file of rows, those that nothing was made with included; every correction is in its strip."""
    out = results_folder / "manners.json"
    measure(named("manners"), data_folder, out)
    figures = read_figures(out, "manners")
    assert promises.unmannerly(figures, promises.MANNERS_UNSEEN) == []
    assert promises.unshown(figures) == []


def test_the_next_word_is_offered(predictions: Figures) -> None:
    """To people who text, more often than by a trigram model, knowing nobody and having learnt."""
    assert promises.short_on_next_words(predictions) == []


def test_the_keyboard_is_quick_and_light(data_folder: Path, results_folder: Path) -> None:
    """Memory and modules always; times where the machine is otherwise idle."""
    idle = os.getloadavg()[0] < BUSY * usable_cores()
    out = results_folder / "latency.json"
    measure(named("latency"), data_folder, out)
    figures = read_figures(out, "latency")
    assert promises.heavy(figures) == []
    if idle:
        assert promises.slow(figures) == []


def test_encryption_is_cheap_beside_concretes(data_folder: Path, results_folder: Path) -> None:
    """Keys, memory and a first report in the shares that are promised; the import where nothing else runs."""
    idle = os.getloadavg()[0] < BUSY * usable_cores()
    out = results_folder / "keys.json"
    measure(named("keys"), data_folder, out)
    figures = read_figures(out, "keys")
    assert promises.dear(figures) == []
    if idle:
        assert promises.slow_to_import(figures) == []


def test_the_service_keeps_up(data_folder: Path, results_folder: Path) -> None:
    """200 devices, 50 at once: nothing lost, nothing twice; latencies where the machine is otherwise idle."""
    idle = os.getloadavg()[0] < BUSY * usable_cores()
    out = results_folder / "service.json"
    measure(named("service"), data_folder, out)
    figures = read_figures(out, "service")
    assert promises.unreliable(figures) == []
    if idle:
        assert promises.slow_service(figures) == []


def test_strangers_keep_no_device_out(data_folder: Path, results_folder: Path) -> None:
    """2,000 connections of strangers: nothing in vain; times where the machine is otherwise idle."""
    idle = os.getloadavg()[0] < BUSY * usable_cores()
    out = results_folder / "hostile.json"
    measure(named("hostile"), data_folder, out)
    figures = read_figures(out, "hostile")
    assert (figures["errors"], figures["health_missed"]) == (0, 0)
    if idle:
        assert promises.besieged(figures) == []


def test_learning_helps_people(data_folder: Path, results_folder: Path) -> None:
    """Local learning and the update remove their shares of the errors, few are harmed, most updates apply."""
    out = results_folder / "personalization-clear.json"
    settings = Settings(find_people(data_folder / "people"))
    run(settings, out, shipped_subject, lambda *_: None, jobs=os.cpu_count() or 1)
    figures = read_figures(out, "personalization")
    assert figures["local_removes"] >= 0.20
    assert figures["update_removes"] >= 0.05
    assert figures["harmed"] <= 0.05
    assert figures["applied"] >= 0.5
    assert figures["reference_keeps"]["errors"] >= 0.8
    assert figures["reference_keeps"]["log_likelihood"] >= 0.8


def test_encrypted_updates_agree_with_the_reference(
    data_folder: Path, results_folder: Path, tmp_path: Path
) -> None:
    """For every block and person the encrypted z is near the reference, and suggestions are the same."""
    out = results_folder / "personalization-execute.json"
    people = spread(find_people(data_folder / "people"), ENCRYPTED_PEOPLE)
    settings = Settings(people, seeds=(0,), mode=Mode.EXECUTE)
    with encrypted_training(shipped_bundle(), tmp_path) as train:
        run(settings, out, shipped_subject, lambda *_: None, train=train)
    agreement = read_figures(out, "personalization")["agreement"]
    for block in agreement["blocks"]:
        assert block["relative_l2"] <= 0.10, block
        assert 0.95 <= block["slope"] <= 1.05, block
    assert agreement["same_best"] >= 0.995
