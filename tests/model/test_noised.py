"""Words with noise added: what the ranker is fitted to and the levels are tuned on."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from quietkeys.bundle.bundle import open_bundle
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import is_correctable
from tests.model import noisy_text
from tests.sdk import small
from tools.model_build import noised
from tools.model_build.corpora import TrainingTextError
from tools.model_build.noised import CERTAINTIES, Kind, Sample

COUNT = 400


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up texts."""
    return noisy_text.write(tmp_path_factory.mktemp("noised") / "text")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model of the small bundle."""
    folder = small.write(tmp_path_factory.mktemp("bundle") / "en", small.files())
    return load_model(open_bundle(folder, trusted_keys=small.TRUSTED))


def drawn(text: Path, model: Model, seed: int = 3, power: float = 1.0) -> list[Sample]:
    """Return samples of the texts."""
    return list(noised.samples(text, model.search.channel.shipped, COUNT, seed, power))


def test_words_come_out_right_or_wrong(text: Path, model: Model) -> None:
    """Right ones as they are meant, the others not; every kind is there, in context and alone."""
    found = drawn(text, model)
    assert {(one.kind, bool(one.context)) for one in found} == {
        (kind, in_context) for kind in Kind for in_context in (True, False)
    }
    assert all((one.typed == one.word) == (one.kind is Kind.RIGHT) for one in found)
    assert all(len(one.word) >= noised.SHORTEST for one in found if one.kind is Kind.SPELLING)


def test_every_typed_word_is_letters(text: Path, model: Model) -> None:
    """Letters and inner apostrophes: what autocorrect looks at."""
    found = drawn(text, model)
    assert COUNT / 2 < len(found) <= COUNT
    assert all(is_correctable(one.typed) for one in found)


def test_the_same_seed_draws_the_same(text: Path, model: Model) -> None:
    """Words, contexts and mistakes; another seed draws others."""
    assert drawn(text, model) == drawn(text, model)
    assert drawn(text, model) != drawn(text, model, seed=4)


def test_a_power_below_one_draws_rare_words_more(text: Path, model: Model) -> None:
    """Half of the words written are one word; the lower the power, the less often it is drawn."""
    shares = []
    for power in (1.0, 0.5, 0.0):
        counts = Counter(one.word for one in drawn(text, model, power=power))
        shares.append(counts["there"] / counts.total())
    assert shares[0] > 2 * shares[1] > 4 * shares[2]


def test_a_missing_text_is_named(text: Path, model: Model, tmp_path: Path) -> None:
    """Nothing is drawn from part of the texts in silence."""
    with pytest.raises(TrainingTextError, match="tatoeba"):
        list(noised.samples(tmp_path, model.search.channel.shipped, COUNT, 0))


def test_choices_are_of_words_that_the_keyboard_knows(text: Path, model: Model) -> None:
    """Own words of the writers are left out; what was meant is kept, what was typed is the literal."""
    found = drawn(text, model)
    known = [one for one in found if one.word in model.search.lexicon.index]
    assert len(known) < len(found)
    choices = noised.choices(Predictor(model), iter(found))
    assert len(known) / 2 < len(choices) <= len(known)
    right = sum(one.kind is Kind.RIGHT for one in known)
    assert sum(choice.kept == choice.literal for choice in choices) == right


def test_a_higher_certainty_never_corrects_or_harms_more(text: Path, model: Model) -> None:
    """Rows for words in context and alone, certainties rising; shares of the words that are known."""
    found = drawn(text, model)
    rows = noised.level_table(Predictor(model), found)
    assert [(row.in_context, row.certainty) for row in rows] == [
        (in_context, certainty) for in_context in (True, False) for certainty in CERTAINTIES
    ]
    for lower, higher in pairwise(rows):
        if lower.in_context == higher.in_context:
            assert lower.certainty < higher.certainty
            assert lower.corrected >= higher.corrected
            assert lower.harm >= higher.harm
            assert lower.count == higher.count
    assert rows[0].corrected > 0.3
    known = sum(one.word in model.search.lexicon.index for one in found)
    assert rows[0].count + rows[-1].count == known
    assert np.isfinite([row.harm for row in rows]).all()
