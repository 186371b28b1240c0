"""`tools/curve.py`: own words kept against mistakes put right, by kind and with one level for all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from quietkeys.bundle.bundle import open_bundle
from quietkeys.prediction.events import FIRST_UNKNOWN
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys_bench.common.misspellings import Half, misspellings_of
from tests.model import noisy_text
from tests.sdk import small
from tools.curve import (
    KEPT,
    LEVEL,
    Literal,
    app,
    curves,
    fixed_at,
    judged_samples,
    literals,
    own_of_people,
    points,
    table_of,
)
from tools.model_build import corpora, noised, strangers
from tools.model_build.noised import Kind, Sample

SURE, UNSURE = Literal(9.0, 0.0, right=True), Literal(1.0, 0.0, right=True)
OWN, NEAR = Literal(-2.0, 0.0, right=False), Literal(2.0, 2.0, right=False)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The small bundle's model, for a user it does not know."""
    folder = small.write(tmp_path_factory.mktemp("small") / "en", small.files())
    return Predictor(load_model(open_bundle(folder, trusted_keys=small.TRUSTED)))


def test_a_surer_level_keeps_more_and_fixes_less() -> None:
    """A word is put in place where it is likelier than what was typed by the level's log-odds."""
    found = points([OWN, NEAR], [SURE, UNSURE], None)
    assert [(point.kept, point.fixed) for point in found if point.certainty in {0.5, 0.95}] == [
        (0.5, 1.0),
        (1.0, 0.5),
    ]
    assert found == sorted(found, key=lambda point: (point.kept, -point.fixed))


def test_a_kinds_odds_are_taken_away_for_one_level() -> None:
    """With one level for all, what the kind of a word adds to it is not there; the level is."""
    level = 0.0
    own, mistakes = [OWN, NEAR], [Literal(2.5, 0.0, right=True), SURE]
    assert fixed_at(own, mistakes, None, 0.9) > fixed_at(own, mistakes, level, 0.9)
    assert points([NEAR], [SURE], -7.0)[0].kept == points([Literal(11.0, 0.0, False)], [SURE], None)[0].kept


def test_only_what_no_lexicon_has_is_on_the_curve(predictor: Predictor) -> None:
    """A mistake that is a word of the lexicon is left out; the gap is that of the probabilities."""
    drawn = [
        Sample((), "there", "theree", Kind.SPELLING),
        Sample((), "there", "three", Kind.SLIP),
        Sample((), "their", "their", Kind.RIGHT),
    ]
    (judged, meant), (known, _) = judged_samples(predictor, drawn)
    assert known.literal_event < FIRST_UNKNOWN <= judged.literal_event
    (found,) = literals(predictor, [(judged, meant), (known, "there")])
    best = int(judged.probability.argmax())
    assert found.right == (judged.slate.words[best] == "there")
    assert found.odds == predictor.events.literal_odds[judged.literal_event]
    ratio = judged.probability[best] / judged.probability[judged.slate.literal]
    assert found.gap == pytest.approx(np.log(ratio))


def test_hidden_words_are_judged_as_if_nobody_knew_them(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rare words of the lexicon, as they are meant, a word a few times at most; the same each time."""
    monkeypatch.setattr(strangers, "RARE", 0.0)  # every word is rarer than that
    text = noisy_text.write(tmp_path / "text")
    found = list(strangers.hidden(predictor, text, 50, 1))
    assert 0 < len(found) <= 56
    assert max(Counter(word for _, word in found).values()) <= strangers.EACH * len(corpora.CORPORA)
    for judged, word in found:
        assert judged.slate.typed == word in predictor.model.search.lexicon.index
        assert judged.literal_event >= FIRST_UNKNOWN
    assert [word for _, word in found] == [word for _, word in strangers.hidden(predictor, text, 50, 1)]


def test_learnt_misspellings_stand_where_the_word_was_meant(tmp_path: Path) -> None:
    """In the context of a held-out line that has the word, or alone; as they were typed."""
    text = noisy_text.write(tmp_path / "text")
    pieces = [piece for corpus in corpora.CORPORA for piece in noised.held_out_pieces(text, corpus)]
    word = next(piece.text for piece in pieces if piece.context)
    found = list(noised.learnt_samples(text, [("qqq", word), ("zzz", "nowhere")] * 20, 1))
    assert {(one.typed, one.word) for one in found} == {("qqq", word), ("zzz", "nowhere")}
    there = {piece.context for piece in pieces if piece.text == word}
    assert {one.context for one in found if one.word == word} <= there | {()}
    assert any(one.context for one in found if one.word == word)
    assert not any(one.context for one in found if one.word == "nowhere")


def test_own_words_of_people_are_what_no_list_knows(predictor: Predictor, tmp_path: Path) -> None:
    """Each word once a person; a typo of a list is nobody's own word, a lexicon's word neither."""
    (tmp_path / "one.txt").write_text("zork the thier zork\nblarg there\n")
    lists = misspellings_of([("thier", "their")], (), Half.ALL)
    assert [word for _, word in own_of_people(predictor, tmp_path, lists)] == ["zork", "blarg"]


def test_both_curves_are_printed() -> None:
    """By certainty and at equal shares of own words kept."""
    report = curves({"text": [OWN, NEAR]}, {"lists": [SURE, UNSURE]})
    ((title, rows),) = report.items()
    assert title == "own words of text: 2; mistakes of lists: 2"
    assert len(rows["by kind"]) == len(rows["one level"]) == len(points([OWN], [SURE], LEVEL)) + len(KEPT)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table_of(title, rows))
    assert "fixed, by kind" in captured.get() and "any" in captured.get()
    json.dumps(report)


def test_a_missing_text_is_an_error(tmp_path: Path) -> None:
    """It says which file, and no traceback."""
    done = CliRunner().invoke(app, [str(tmp_path)])
    assert done.exit_code == 1
    assert "error: no file" in done.output
