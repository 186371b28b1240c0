"""A small bundle of common English words, built and signed in seconds, and a person who types them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.bundle.lexicon import WordTables
from quietkeys.bundle.networks import CLASSES, FIRST_WORD
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import Layout
from quietkeys.keyboard.touch_statistics import MEAN_OFFSET
from quietkeys.prediction.events import Choice
from quietkeys.prediction.model import EVENTS, PLAN, PUBLIC
from quietkeys.prediction.public_choices import Part, to_bytes
from quietkeys.vault.protection import CallerKey
from quietkeys_protocol.plan import Plan
from tests.model import texts
from tools.model_build import channel, contents, evidence_stage, plan_stage, rank, spelling
from tools.model_build.adapter_stage import parts_of, unfitted
from tools.model_build.bundle_writer import public_bytes
from tools.model_build.channel import TypingCounts
from tools.model_build.graph import LanguageParts
from tools.model_build.language import Language
from tools.model_build.mixing import untaught
from tools.model_build.neural.graph import build
from tools.model_build.typists import Person

KEY: Final = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"signs test bundles").digest())
TRUSTED: Final = (public_bytes(KEY),)
PROTECTION: Final = CallerKey(bytes(32))  # of test profiles, which need none that takes time or is mentioned
WORDS: Final = tuple(
    """
    the of and to in is you that it he was for on are as with his they at be this have from or one
    had by word but not what all were we when your can said there use an each which she do how their
    if will up other about out many then them these so some her would make like him into time has
    look two more write go see number no way could people my than first water been call who oil its
    now find long down day did get come made may part over new sound take only little work know
    place year live me back give most very after thing our just name good sentence man think say
    great where help through much before line right too mean old any same tell boy follow came want
    show also around form three small set put end does another well large must big even such because
    turn here why ask went men read need land different home us move try kind hand picture again
    change off play spell air away animal house point page letter mother answer found study still
    learn should world
    """.split()  # noqa: SIM905 - a text
)


def language() -> Language:
    """Return a language of these words, the frequent ones first."""
    frequency = 1.0 / np.arange(1, len(WORDS) + 1) ** 0.7
    size = edits.CLASSES
    nothing = TypingCounts(np.zeros((size, size)), np.zeros(size), np.zeros(size), np.zeros((size, size)))
    counts = {word: max(1, int(1000 * share)) for word, share in zip(WORDS, frequency, strict=True)}
    log_p = channel.channel_log_probabilities(nothing, channel.text_statistics(counts))
    table, scale = spelling.train([(word, 1.0) for word in WORDS])
    share = np.concatenate([[1e-6, 1e-6], frequency / frequency.sum()])
    tables = WordTables(
        np.log(share).astype(np.float32),
        np.concatenate([[-1, -1], FIRST_WORD + np.arange(len(WORDS))]).astype(np.int32),
        np.zeros(len(share), dtype=np.bool_),
        np.full(len(CLASSES), 0.9, dtype=np.float32),
        np.zeros(len(share), dtype=np.float32),
        np.zeros(len(share), dtype=np.float32),
    )
    network = build(texts.network(frequency)).SerializeToString(deterministic=True)
    parts = LanguageParts(table, scale, log_p)
    return Language(("<s>", "<unk>", *WORDS), tables, network, parts, {}, ())


def text(seed: int, count: int) -> list[str]:
    """Return lines of text with some words of the writer's own."""
    rng = np.random.default_rng(seed)
    favourites = rng.choice(len(WORDS), 60, replace=False)
    own = [WORDS[number][:3] + "zo" for number in rng.choice(len(WORDS), 6, replace=False)]
    lines = []
    for _ in range(count):
        words = [WORDS[int(rng.choice(favourites))] for _ in range(int(rng.integers(3, 8)))]
        if rng.random() < 0.2:
            words.append(own[int(rng.integers(len(own)))])
        lines.append(" ".join(words) + ".")
    return lines


def files() -> dict[str, bytes]:
    """Return the files of the small bundle, `plan.json` and `events.json` included."""
    spoken = language()
    model = unfitted(spoken, rank.prior())
    people = [rank.type_person(model, Person(f"p{seed}", tuple(text(seed, 60))), seed) for seed in range(3)]
    planned = plan_stage.make_plan("en", len(spoken.display), people, rank.prior())
    mixing = untaught(model.language.symbols)
    return contents.language_files(spoken, parts_of(planned, len(spoken.display)), mixing) | {
        PLAN: planned.plan.canonical,
        contents.CLIENT_SPECIFICATION: b"{}",
        EVENTS: planned.events.to_bytes(),
        PUBLIC: public_file(spoken, planned),
    }


def public_file(spoken: Language, planned: plan_stage.Planned) -> bytes:
    """Return public choices of three strangers, counted by a plan."""
    fitted = replace(unfitted(spoken, rank.prior()), plan=planned.plan, events=planned.events)
    public: dict[Part, list[Choice]] = {}
    words = 0
    for part in Part:
        stranger = Person(f"q{part.value}", tuple(text(9 + part.value, 60)))
        words, public[part] = evidence_stage.type_person(fitted, stranger, spoken.parts.channel)
    return to_bytes(planned.events, public, words)


def write(folder: Path, content: dict[str, bytes], version: int = 1) -> Path:
    """Sign the files as a bundle in a folder; return it."""
    plan_hash = Plan.parse(content[PLAN]).hash
    contents.sign_bundle(folder, content, KEY, version=version, plan_hash=plan_hash, created="2025-01-01")
    return folder


def tokens(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield (text before, token) for every token of some lines."""
    for line in text(seed, count):
        words = line.split()
        for place, word in enumerate(words):
            yield " ".join(words[:place]), word


def aimed_at(
    layout: Layout, word: str, steps: Iterable[tuple[float, float]] | None = None
) -> list[tuple[float, float] | None]:
    """Return where most people touch for a word, each touch a step aside; None where there is no key."""
    found: list[tuple[float, float] | None] = []
    for character, step in zip(word, repeat((0.0, 0.0)) if steps is None else steps, strict=False):
        x, y = layout.centres[edits.character_class(character)] + np.array(MEAN_OFFSET) + np.array(step)
        found.append(None if np.isnan(x) else (float(x), float(y)))
    return found


_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_RIGHT: Final = {row[place]: row[min(place + 1, len(row) - 1)] for row in _ROWS for place in range(len(row))}


def slipped(word: str, rng: np.random.Generator, share: float = 0.3) -> str:
    """Return a word as typed by fingers that land one key to the right at `share` of the letters."""
    return "".join(_RIGHT[letter] if letter in _RIGHT and rng.random() < share else letter for letter in word)
