"""The bundle that ships: signed by a pinned key, small enough, and a language model of English."""

from __future__ import annotations

import hashlib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from quietkeys.arrays import Float32
from quietkeys.bundle.bundle import BUNDLE_BYTES, Bundle, shipped_bundle
from quietkeys.bundle.graph import NumpyNetwork
from quietkeys.bundle.lexicon import RESERVED, UNKNOWN, Lexicon
from quietkeys.bundle.networks import CLASSES, FIRST_CLASS, FIRST_WORD, LanguageModel, OnnxNetwork
from quietkeys.keyboard import edits
from quietkeys.prediction.events import FEATURES
from quietkeys.prediction.model import (
    CHANNEL,
    EVENTS,
    LANGUAGE,
    LEXICON,
    MIXTURE,
    PLAN,
    PUBLIC,
    RANKER,
    WORDS,
    Model,
    load_model,
)
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import Context, is_correctable
from quietkeys_protocol.plan import Plan
from tools.model_build import bundle_writer, contents, spelling

NOTICE = Path(contents.__file__).with_name("NOTICE.txt")
CONTEXTS: tuple[Context, ...] = (
    (),
    ("how", "are"),
    ("", "thank"),
    ("see", "you", "at", "#", "", "i", "am"),
    ("zyzzo",),
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The verified bundle."""
    return shipped_bundle()


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> Model:
    """What the typing path makes of it."""
    return load_model(bundle)


@pytest.fixture(scope="module")
def lexicon(model: Model) -> Lexicon:
    """The words."""
    return model.search.lexicon


def chances(model: Model, context: Context) -> Float32:
    """Return the log-probabilities of symbols after a context."""
    return model.language.after(context).log_probability


def log_p(model: Model, context: Context, word: str) -> float:
    """Return log P of a word after a context."""
    lexicon = model.search.lexicon
    return float(lexicon.log_probability(chances(model, context), np.array([lexicon.index[word]]))[0])


def test_it_is_small_and_holds_what_is_promised(bundle: Bundle) -> None:
    """At most 12 MB, every file of docs/MODEL.md and no other."""
    assert sum(map(len, bundle.files.values())) <= BUNDLE_BYTES
    assert bundle.files.keys() == {
        *(LANGUAGE, RANKER, LEXICON, WORDS, CHANNEL, PLAN, EVENTS, MIXTURE, PUBLIC),
        *(contents.CLIENT_SPECIFICATION, contents.NOTICE),
    }


def test_the_manifest_says_what_the_files_are(bundle: Bundle) -> None:
    """Sizes and hashes of all files, the plan's own hash, and that of the client specification."""
    assert bundle.manifest.files == bundle_writer.describe_files(bundle.files)
    assert bundle.manifest.plan == Plan.parse(bundle[PLAN]).hash
    specification = hashlib.sha256(bundle[contents.CLIENT_SPECIFICATION]).hexdigest()
    assert bundle.manifest.client_specification == specification


def test_the_notice_names_every_file_and_every_origin(bundle: Bundle) -> None:
    """It is the one in the sources, with the notices that SCOWL and the list of offensive words ask for."""
    notice = bundle[contents.NOTICE].decode()
    assert notice == NOTICE.read_text(encoding="utf-8")
    assert [path for path in bundle.files if path not in notice and path != contents.NOTICE] == []
    for owner in (
        "2000-2011 by Kevin Atkinson",
        "1997 by Princeton",
        "Beresford",
        "Kuenning",
        "better-profanity",
    ):
        assert owner in notice


def test_the_lexicon_holds_words(lexicon: Lexicon) -> None:
    """At least 50,000 of letters and inner apostrophes, each once, common ones in front."""
    assert lexicon.display[:RESERVED] == ("<s>", "<unk>")
    assert len(lexicon.words) >= 50_000
    assert len(lexicon.index) == len(lexicon.words) - RESERVED
    assert all(is_correctable(word) and not word.endswith("'") for word in lexicon.words[RESERVED:])
    assert {"the", "you", "and"} <= set(lexicon.words[RESERVED:20])


def test_tables_fit_the_lexicon_and_each_other(bundle: Bundle, model: Model, lexicon: Lexicon) -> None:
    """Falling frequencies, no symbol of the network twice, shares between 0 and 1, a cost per edit."""
    tables = lexicon.tables
    assert (np.diff(tables.log_frequency[RESERVED:]) <= 0).all()
    assert np.exp(tables.log_frequency.astype(np.float64)).sum() == pytest.approx(0.99, abs=0.02)
    symbols = tables.symbol[tables.symbol >= 0]
    assert len(np.unique(symbols)) == len(symbols)
    assert FIRST_WORD <= symbols.min() <= symbols.max() < model.language.symbols
    assert len(symbols) > 0.95 * (model.language.symbols - FIRST_WORD)  # the words of some have left
    assert np.isfinite(tables.capital).all()
    assert np.isfinite(tables.name_after).all()
    assert ((tables.outside > 0) & (tables.outside < 1)).all()
    costs = np.load(io.BytesIO(bundle[CHANNEL]), allow_pickle=False)
    assert costs.shape == (edits.EDIT_COUNT,)
    assert (costs <= 0).all()
    assert np.isfinite(costs).all()


def test_the_graphs_fit_the_lexicon_and_the_plan(bundle: Bundle, model: Model) -> None:
    """One probability per symbol, one weight per column of every block, one base weight per feature."""
    assert len(chances(model, ())) == len(model.word_of_symbol) == model.language.symbols
    assert model.scorer.widths() == {block.name: block.width for block in model.plan.blocks}
    assert len(model.events.base_weights) == len(FEATURES)
    for path in (LANGUAGE, RANKER):
        assert session(bundle[path]).get_outputs()


def test_offensive_words_are_known_and_never_offered(model: Model, lexicon: Lexicon) -> None:
    """Known, so that they are left alone; no completion of what they begin with, nor predicted by name."""
    offensive = np.flatnonzero(lexicon.tables.offensive)
    assert 100 <= len(offensive) <= 1000
    assert all(map(lexicon.is_offensive, ("fuck", "shit", "bullshit")))
    assert not any(map(lexicon.is_offensive, ("hell", "god", "sex", "gay", "assess", "the")))
    assert (lexicon.tables.symbol[offensive] == -1).all()
    beginnings = {lexicon.words[place][:size] for place in offensive for size in range(1, 25)}
    for beginning in sorted(beginnings):
        assert not lexicon.tables.offensive[lexicon.completions(beginning)].any(), beginning


def test_words_are_written_as_they_should_be(lexicon: Lexicon) -> None:
    """Names and "I" with their capitals, other words small."""
    for shown in ("Monday", "I'm", "I", "London", "keyboard", "because", "don't", "lol", "TV"):
        assert lexicon.shown(shown.lower()) == shown
        assert shown.lower() in lexicon.index


def test_misspellings_are_no_words(lexicon: Lexicon) -> None:
    """However often people write them, and though word lists have some of them."""
    misspelt = """
        teh hte adn taht wnat yuo thsi becuase dont isnt definately definatly recieve alot wierd freind thier
        beggining reccomend seperate occured goverment tommorow untill belive wich wether musics didn doesn
    """.split()  # noqa: SIM905 - a text
    assert not set(misspelt) & lexicon.index.keys()


def test_words_of_the_last_years_and_of_both_sides_of_the_ocean_are_words(lexicon: Lexicon) -> None:
    """Abbreviations, apps, brands, names, British and American spellings, and what has lost its accent."""
    words = """
        u jk rn irl omw lmk wfh gf ai atm pic tbh ngl smh idk imo ttyl brb tiktok venmo uber whatsapp netflix
        selfie emoji podcast bitcoin covid airbnb fitbit jaxon saoirse niamh mateo kaitlyn mum mom nan violet
        jeep sue colour color realise realize favourite favorite kerb tyre kg cm cafe fiance touche naive
    """.split()  # noqa: SIM905 - a text
    assert not set(words) - lexicon.index.keys()


@pytest.mark.parametrize(
    ("context", "shown"),
    [
        ("in", "March"),
        ("we", "march"),
        ("mr", "Baker"),
        ("the", "baker"),
        ("from", "China"),
        ("fine", "china"),
        ("with", "Robin"),
        ("a", "robin"),
        ("the", "cafe"),
        ("the", "lane"),
        ("the", "dean"),
        ("a", "husky"),
        ("the", "bill"),
        ("uncle", "Bob"),
        ("the", "ai"),
        ("on", "Tuesday"),
        ("the", "Tuesday"),
        ("a", "TV"),
    ],
)
def test_an_ordinary_noun_is_small_unless_the_word_before_says_that_it_is_a_name(
    lexicon: Lexicon, context: str, shown: str
) -> None:
    """What can be both is judged by what comes before; where nothing says so it is small."""
    assert lexicon.shown(shown.lower(), context) == shown


def test_a_word_is_the_rarer_the_less_often_it_is_written(lexicon: Lexicon) -> None:
    """Not at all if it is common or no word; the rarest are rare alike."""
    assert lexicon.rareness("the") == lexicon.rareness("from") == lexicon.rareness("zzqxj") == 0.0
    rising = [lexicon.rareness(word) for word in ("the", "pic", "violet", "omw")]
    assert rising == sorted(rising)
    assert lexicon.rareness(lexicon.words[-1]) == 1.0


@pytest.mark.parametrize(
    ("context", "typed"),
    [
        ((), "jk"),
        ((), "irl"),
        ((), "lmk"),
        ((), "wfh"),
        (("my",), "gf"),
        (("my",), "mum"),
        (("drive", "the"), "jeep"),
        (("a",), "violet"),
        (("a",), "pic"),
        (("on",), "tiktok"),
    ],
)
def test_a_rare_word_is_left_alone(model: Model, context: Context, typed: str) -> None:
    """However much commoner the words nearby are: who types it means it."""
    judged = Predictor(model).judge(context, typed, model.scorer.no_adapter())
    assert judged is not None
    assert judged.output() == typed


@pytest.mark.parametrize(
    ("context", "typed", "meant"),
    [
        (("see",), "yuo", "you"),
        (("i",), "wnat", "want"),
        (("at",), "hte", "the"),
        (("good",), "mornign", "morning"),
        (("please",), "recieve", "receive"),
        (("i", "would"), "reccomend", "recommend"),
        (("the",), "beggining", "beginning"),
    ],
)
def test_a_mistake_is_put_right(model: Model, context: Context, typed: str, meant: str) -> None:
    """More words are no more shelter for mistakes."""
    judged = Predictor(model).judge(context, typed, model.scorer.no_adapter())
    assert judged is not None
    assert judged.output() == meant


@pytest.mark.parametrize("context", CONTEXTS)
def test_probabilities_sum_to_one(model: Model, lexicon: Lexicon, context: Context) -> None:
    """Over the lexicon and, for every class, the words outside it."""
    after = chances(model, context)
    every = np.arange(RESERVED, len(lexicon.words))
    inside = np.exp(lexicon.log_probability(after, every)).sum()
    classes = after[FIRST_CLASS : FIRST_CLASS + len(CLASSES)].astype(np.float64)
    outside = np.exp(classes + lexicon.log_outside).sum()
    assert inside + outside == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("context", "likely", "unlikely"),
    [
        (("how", "are"), "you", "your"),
        (("i", "don't"), "know", "now"),
        (("", "thank"), "you", "but"),
        ((), "the", "them"),
        (("i", "want"), "to", "too"),
        (("this", "is", "a"), "good", "going"),
    ],
)
def test_it_knows_what_follows(model: Model, context: Context, likely: str, unlikely: str) -> None:
    """The likelier word of everyday English has the higher probability."""
    assert log_p(model, context, likely) > log_p(model, context, unlikely) + 1


def test_without_onnx_runtime_it_says_the_same(bundle: Bundle, model: Model) -> None:
    """Where numpy computes, log-probabilities are the same but for what rounding tips over."""
    alone = LanguageModel(NumpyNetwork.load(bundle[LANGUAGE]), model.language.symbol_of)
    assert alone.symbols == model.language.symbols
    assert NumpyNetwork.load(bundle[RANKER]).inputs == OnnxNetwork(bundle[RANKER]).inputs
    for context in CONTEXTS:
        there, here = alone.after(context), model.language.after(context)
        np.testing.assert_allclose(there.log_probability, here.log_probability, atol=5e-3)
        np.testing.assert_allclose(there.state, here.state, atol=1e-3)


def test_a_network_does_not_hold_the_bytes_it_was_made_of(bundle: Bundle) -> None:
    """Of the shipped bundle they would be 10 MB for as long as the keyboard is open."""
    model = b"".join([bundle[RANKER]])
    held = sys.getrefcount(model)
    network = OnnxNetwork(model)
    assert sys.getrefcount(model) == held
    assert network.inputs


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """Return a session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def feed(given: onnxruntime.InferenceSession, rows: int) -> dict[str, NDArray[np.generic]]:
    """Return inputs of the scoring graph: an adapter at zero, no evidence, no edits, nothing personal."""
    widths = {value.name: value.shape for value in given.get_inputs()}
    idle: dict[str, NDArray[np.generic]] = {
        name: np.zeros(width, np.float32) for name, width in widths.items() if name.endswith("_weights")
    }
    return {
        "candidate": np.arange(RESERVED, RESERVED + rows, dtype=np.int64),
        "language": np.full(rows, -8.0, np.float32),
        "touch": np.zeros(rows, np.float32),
        "touch_events": np.zeros((rows, 0), np.int64),
        "spelling": np.zeros((rows, 1), np.int64),
        "edits": np.zeros((rows, 28), np.int64),
        "personal": np.zeros(rows, np.float32),
        "base_share": np.ones(rows, np.float32),
        "evidence": np.zeros((rows, widths["evidence"][1]), np.float32),
        **idle,
    }


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(
    ("word", "misspelt"), [("the", "teh"), ("because", "becuase"), ("receive", "recieve")]
)
def test_a_word_is_likelier_than_its_misspelling(
    bundle: Bundle, model: Model, lexicon: Lexicon, context: Context, word: str, misspelt: str
) -> None:
    """The scoring graph adds how likely the spelling is of what the lexicon lacks."""
    scoring = session(bundle[RANKER])
    unknown = lexicon.log_unknown(chances(model, context), misspelt)
    symbols = spelling.symbols(misspelt)
    given = feed(scoring, 2) | {
        "candidate": np.array([lexicon.index[word], UNKNOWN], np.int64),
        "language": np.array([log_p(model, context, word), unknown], np.float32),
        "spelling": np.array([[0] * len(symbols), symbols], np.int64),
    }
    known, other = scoring.run(["features"], given)[0][:, FEATURES.index("language")]
    assert known > other
    assert other < unknown


def best(repeats: int, call: Callable[[], object]) -> float:
    """Return the seconds of the quickest call: the machine may be busy."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def test_typing_is_quick(bundle: Bundle, model: Model) -> None:
    """A word costs the network 20 ms at most, 64 candidates are scored in 1 ms; best of several."""
    scoring = session(bundle[RANKER])
    given = feed(scoring, 64)
    assert best(50, lambda: scoring.run(None, given)) < 0.001
    begun = model.language.after(())
    assert best(20, lambda: model.language.next_states(begun, ["you"])) < 0.02
