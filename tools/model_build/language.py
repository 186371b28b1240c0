"""The language stage: from texts, word lists and typing statistics to everything that judges words.

Plain values in, plain values out: the plan stage takes a `Language` and adds the adapter's blocks.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float32
from quietkeys.bundle.bundle import Bundle
from quietkeys.bundle.lexicon import WordTables
from quietkeys.bundle.networks import CLASSES, word_class
from quietkeys.prediction.model import LANGUAGE, LEXICON, WORDS
from quietkeys.text.tokens import is_correctable

from . import (
    capitals,
    channel,
    corpora,
    lexicon,
    membership,
    misspellings,
    occurrences,
    offensive,
    scowl,
    scrub,
    spelling,
)
from .channel import TextStatistics
from .graph import LanguageParts
from .lexicon import Lexicon
from .misspellings import Misspelling
from .neural import batches, export, text, texting, training
from .neural.batches import Texts
from .neural.network import STATE, WIDTH, Sizes
from .neural.text import Line
from .neural.training import Recipe
from .neural.vocabulary import Symbols
from .occurrences import Occurrences

NETWORK_WORDS: Final = 20_000  # in the network's vocabulary; the rest of the lexicon shares classes
TAIL_RANK: Final = 20_000  # words from this rank on teach the spelling model too, being names and the like
TAIL_WEIGHT: Final = 0.3  # what such a word counts for against one outside the lexicon
KEPT_BACK: Final = 5  # every fifth misspelling chooses the channel's mixture, the others teach it
SLIP_WORDS: Final = 2_000  # words typed once to have as many slips
FAMILIAR: Final = 20.0  # occurrences in the texts of a listed word that a word outside can have been meant by
FAMILIAR_UNLISTED: Final = 400.0  # the same for a word that no list has
OUTSIDE_PRIOR: Final = 20.0  # training sightings that speak for the share of words outside, per class

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where everything comes from.

    text, typing: folders of the data. word_lists: SCOWL's. elsewhere: how frequent words are in general
    English (`frequencies.package_frequencies`).
    """

    text: Path
    typing: Path
    word_lists: Path
    elsewhere: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Language:
    """A lexicon and what judges its words.

    display: by id, as they are written. tables: what the SDK knows of them. network: the language model,
    ONNX. figures: what was measured while building, for the documentation. misspelt: misspellings that the
    texts hold, each with the word that was meant; both are words as they are typed, in small letters.
    """

    display: tuple[str, ...]
    tables: WordTables
    network: bytes = field(repr=False)
    parts: LanguageParts
    figures: Mapping[str, float]
    misspelt: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """The texts as they were read, and what was found in them on the way to the lexicon.

    train, held_out: scrubbed lines by corpus; train has "texted" besides. bare: contractions by
    their form without apostrophe. outside: words that the lexicon lacks, with counts.
    """

    train: Mapping[str, list[Line]]
    held_out: Mapping[str, list[Line]]
    seen: Occurrences
    bare: Mapping[str, str]
    lexicon: Lexicon
    outside: Mapping[str, int]
    typing: channel.TypingCounts
    statistics: TextStatistics
    found: Sequence[Misspelling]


def read(sources: Sources, report: Report = print) -> Reading:
    """Return the texts, the lexicon, and the misspellings that the texts hold.

    Takes four minutes and 4 GB on one core. Raises TrainingTextError, ScowlError, PhrasesError or OSError if
    something is missing.
    """
    phrases = offensive.package_words()
    typing = channel.read_counts(sources.typing)
    lists = scowl.read_scowl(sources.word_lists)
    train, held_out = text.read_lines(sources.text)
    seen = occurrences.gather(_counts(train), corpora.CORPORA, _joined(train), sources.elsewhere)
    report(f"{sum(seen.totals.values()):,} words of text")
    common = {word for word, _ in Counter(seen.totals).most_common(capitals.COMMON_WORDS)}
    written = capitals.collect(_raw_lines(sources.text), common)
    statistics = channel.text_statistics(seen.totals)
    slips = channel.channel_log_probabilities(typing, statistics, channel.WRONG_IN_TEXT)
    bare = occurrences.bare_contractions(seen, lists)
    shorthand = {form for found in texting.FORMS.values() for form in found} | set(texting.OPENINGS)
    familiar = membership.familiar_words(seen.totals, lists, bare, FAMILIAR, FAMILIAR_UNLISTED)
    unlisted = lexicon.outside_words(seen, lists, written, bare)
    found = misspellings.learn_misspellings(unlisted, familiar, slips, statistics)
    spelt = channel.spelling_log_probabilities(
        misspellings.edit_weights(found), statistics, channel.WRONG_IN_TEXT
    )
    mistakes = channel.mixed(slips, spelt, channel.TEXT_SHARE)
    words = lexicon.build_lexicon(seen, lists, written, phrases, mistakes, shorthand)
    report(f"lexicon of {len(words.keys):,}, {int(words.offensive.sum())} of them offensive")
    outside = lexicon.outside_words(seen, words.keys, written, bare)
    found = [one for one in found if one.typed in outside]
    report(f"{len(found):,} misspellings in {len(outside):,} words outside: {misspellings.summary(found)}")
    return Reading(train, held_out, seen, bare, words, outside, typing, statistics, found)


def _counts(train: Mapping[str, Iterable[Line]]) -> dict[str, Counter[str]]:
    return {
        corpus.name: Counter(word for line in train[corpus.name] for sentence in line for word in sentence)
        for corpus in corpora.CORPORA
    }


def _joined(train: Mapping[str, Iterable[Line]]) -> Counter[str]:
    """Return how often two neighbours would make another word of the texts without the space between."""
    sentences = [words for corpus in corpora.CORPORA for line in train[corpus.name] for words in line]
    known = {word for words in sentences for word in words}
    together = (first + second for words in sentences for first, second in pairwise(words))
    return Counter(word for word in together if word in known)


def _raw_lines(folder: Path) -> Iterable[str]:
    for corpus in corpora.CORPORA:
        yield from corpora.corpus_lines(folder, corpus)[0]


def texts_to_learn(reading: Reading, report: Report = print) -> tuple[Symbols, Texts]:
    """Return the network's vocabulary, and the texts in its symbols."""
    offends = {key for key, bad in zip(reading.lexicon.keys, reading.lexicon.offensive, strict=True) if bad}
    known = set(reading.lexicon.keys) - offends
    symbols = Symbols.of(text.choose_words(reading.train, NETWORK_WORDS, known.__contains__))
    outside: dict[str, int] = {}
    train = {name: text.encode(lines, symbols, outside) for name, lines in reading.train.items()}
    held_out = {name: text.encode(lines, symbols, outside) for name, lines in reading.held_out.items()}
    report(f"network vocabulary of {len(symbols.words):,} words")
    return symbols, batches.texts_of(symbols, train, held_out, list(outside))


def build_language(
    sources: Sources,
    folder: Path,
    recipe: Recipe,
    report: Report = print,
    sizes: tuple[int, int] = (WIDTH, STATE),
) -> Language:
    """Build the language from the sources, keeping checkpoints of the network; return it.

    folder: where checkpoints and log of the network lie; training goes on from there. sizes: width and state
    of the network. Raises what `read` does, and CheckpointError.
    """
    reading = read(sources, report)
    symbols, texts = texts_to_learn(reading, report)
    shape = Sizes(symbols.size, *sizes)
    network = training.train(texts, shape, recipe, folder, report)
    held_out = training.evaluate(network, texts, recipe.batch)
    return assemble(reading, symbols.index, export.onnx_bytes(network), held_out)


def build_around(bundle: Bundle, sources: Sources, report: Report = print) -> Language:
    """Build everything but the network from the sources, around that of an earlier bundle; return it.

    A word that has come since shares its class, and the symbol of a word that has left has no word any more.
    Raises what `read` does, and Untrusted if the bundle lacks a part.
    """
    reading = read(sources, report)
    words = [word.lower() for word in bundle[LEXICON].decode("ascii").splitlines()]
    with np.load(io.BytesIO(bundle[WORDS]), allow_pickle=False) as tables:
        symbols = {word: int(one) for word, one in zip(words, tables["symbol"], strict=True) if one >= 0}
    left = len(symbols.keys() - set(reading.lexicon.keys))
    report(f"network of {bundle.manifest.name} {bundle.manifest.version}, {left} of its words have left")
    return assemble(reading, symbols, bundle[LANGUAGE], {})


def assemble(
    reading: Reading,
    symbols: Mapping[str, int],
    network: bytes,
    held_out: Mapping[str, Mapping[str, float]],
) -> Language:
    """Return the language of a trained network.

    symbols: by word of the network's vocabulary. network: ONNX. held_out: figures of `training.evaluate`.
    """
    words = reading.lexicon
    known = zip(words.keys, words.offensive, strict=True)
    symbol = np.array([-1 if bad else symbols.get(word, -1) for word, bad in known], np.int32)
    tables = WordTables(
        log_frequency=words.log_frequency,
        symbol=symbol,
        offensive=words.offensive,
        outside=_outside_shares(reading, symbols),
        capital=words.capital,
        name_after=words.name_after,
    )
    misspelt = {one.typed for one in reading.found}
    table, scale = spelling.train(_spellings(words.keys, reading.outside, misspelt))
    costs, share = _channel(reading)
    figures = {
        **{f"{figure}_{name}": value for name, found in held_out.items() for figure, value in found.items()},
        "words": float(len(words.keys)),
        "offensive": float(words.offensive.sum()),
        "network_words": float((symbol >= 0).sum()),
        "misspellings": float(len(reading.found)),
        "spelling_share": share,
        "bare_share": misspellings.bare_share(reading.seen.totals, reading.bare),
    }
    parts = LanguageParts(table, scale, costs)
    lexicon_words = set(words.keys)
    pairs = tuple((one.typed, one.intended) for one in reading.found if one.intended in lexicon_words)
    return Language(words.display, tables, network, parts, figures, pairs)


def _outside_shares(reading: Reading, symbols: Collection[str]) -> Float32:
    """Return [C] the share of words outside the lexicon among those that the network predicts as a class.

    Of the held-out lines, which nothing was chosen by; smoothed by the training lines, where the share is
    lower.
    """
    known = set(reading.lexicon.keys)

    def count(lines: Mapping[str, Iterable[Line]]) -> tuple[NDArray[Any], NDArray[Any]]:
        every, beyond = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
        for name, of_corpus in lines.items():
            for line in of_corpus:
                for word in (word for sentence in line for word in sentence):
                    if word != scrub.BLANK and word not in symbols:
                        every[word_class(word)] += text.PASSES[name]
                        beyond[word_class(word)] += text.PASSES[name] * (word not in known)
        return every, beyond

    written = {name: lines for name, lines in reading.train.items() if name != "texted"}
    trained, trained_beyond = count(written)
    every, beyond = count(reading.held_out)
    prior = (trained_beyond + 1.0) / (trained + 2.0)
    shares = (beyond + OUTSIDE_PRIOR * prior) / (every + OUTSIDE_PRIOR)
    rounded: Float32 = shares.astype(np.float32)
    return rounded


def _spellings(
    keys: Sequence[str], outside: Iterable[str], misspelt: Collection[str]
) -> list[tuple[str, float]]:
    """Return the types that teach the spelling model, with weights, in a fixed order."""
    new = [(word, 1.0) for word in sorted(outside) if word not in misspelt]
    return new + [(word, TAIL_WEIGHT) for word in keys[TAIL_RANK:]]


def _channel(reading: Reading) -> tuple[Float32, float]:
    """Return (log-probabilities of edits [EDIT_COUNT], share of spelling mistakes among them)."""
    fingers = channel.channel_log_probabilities(reading.typing, reading.statistics)

    def spelt(found: Iterable[Misspelling]) -> Float32:
        return channel.spelling_log_probabilities(misspellings.edit_weights(found), reading.statistics)

    teaching = [one for place, one in enumerate(reading.found) if place % KEPT_BACK]
    judging = [one.edits for place, one in enumerate(reading.found) if not place % KEPT_BACK]
    words = (word for word in reading.lexicon.keys[len(lexicon.SPECIAL) :] if is_correctable(word))
    slips = misspellings.slip_edits(list(islice(words, SLIP_WORDS)), fingers, channel.WRONG)
    share = channel.best_share(fingers, spelt(teaching), slips, judging)
    bare = misspellings.bare_share(reading.seen.totals, reading.bare)
    return channel.mixed(fingers, spelt(reading.found), share, bare), share
