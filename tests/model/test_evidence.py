"""Public choices: made from the texts alone, the same every time, and their file says what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys.bundle.bundle import open_bundle
from quietkeys.prediction.counting import Choices, Lean, count
from quietkeys.prediction.events import LITERAL_KNOWN, Choice, compact
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.public_choices import FEATURE_STEP, Part, parse_public_choices, to_bytes
from tests.model import noisy_text
from tests.sdk import small
from tools.model_build import evidence_stage, rank
from tools.model_build.typists import Person


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model of the small bundle."""
    folder = small.write(tmp_path_factory.mktemp("bundle") / "en", small.files())
    return load_model(open_bundle(folder, trusted_keys=small.TRUSTED))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up texts."""
    return noisy_text.write(tmp_path_factory.mktemp("evidence") / "text")


@pytest.fixture(scope="module")
def content(model: Model, text: Path) -> bytes:
    """Their public choices."""
    return evidence_stage.public_choices(model, text, model.search.channel.shipped, lambda _: None)


def test_every_part_has_choices(model: Model, content: bytes) -> None:
    """People's words in doubt, mistakes for evidence, and fewer of them to judge by."""
    public = parse_public_choices(content, model.events)
    assert 0 < len(public.text) < public.words
    assert len(public.mistakes) > len(public.judging) > 0


def test_what_is_counted_survives_the_file(model: Model, text: Path) -> None:
    """Rounded to the step of the file, features count for the same."""
    channel = model.search.channel.shipped
    (person, *_) = evidence_stage.people(text)
    words, choices = evidence_stage.type_person(model, person, channel)
    parts: dict[Part, list[Choice]] = {Part.TEXT: choices, Part.MISTAKES: [], Part.JUDGING: []}
    public = parse_public_choices(to_bytes(model.events, parts, words), model.events)
    assert (len(public.text), public.words) == (len(choices), words)
    exact = Choices.of(model.events, choices)
    assert np.abs(public.text.features - exact.features).max() <= FEATURE_STEP / 2
    lean = Lean.none(model.events)
    there, here = count(model.events, public.text, lean), count(model.events, exact, lean)
    for block in ("channel", "lexicon", "literal"):
        np.testing.assert_allclose(there[block].evidence_for, here[block].evidence_for, rtol=0.05, atol=0.1)


def test_mistakes_are_no_words(model: Model, content: bytes) -> None:
    """What is typed is none of the lexicon's words, what is meant is one: no typo is taught as meant."""
    public = parse_public_choices(content, model.events)
    for part in (public.mistakes, public.judging):
        buckets, literals = part.tables["lexicon"][:, 0], part.tables["literal"][:, 0]
        assert (buckets[part.kept] >= 0).all()
        assert (literals[part.kept] == -1).all()  # what was typed is another candidate
        assert (literals[literals >= 0] != LITERAL_KNOWN).all()


def test_leaving_hopeless_candidates_out_changes_no_count(model: Model) -> None:
    """A compact choice has fewer rows and columns, and counts for the same."""
    lean = Lean.none(model.events)
    choices = rank.type_person(model, Person("p", tuple(small.text(4, 20))), 1).choices
    compacted = [compact(model.events, choice) for choice in choices]
    whole, less = (Choices.of(model.events, some) for some in (choices, compacted))
    assert less.features.size < whole.features.size / 2
    counted = count(model.events, less, lean)
    for block, both in count(model.events, whole, lean).items():
        np.testing.assert_allclose(counted[block].evidence_for, both.evidence_for, rtol=0.02, atol=1e-3)
