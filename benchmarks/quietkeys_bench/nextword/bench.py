"""`quietkeys bench nextword`: how often the next word is in the strip, and the keys that saves.

For our keyboard and for a trigram model that backs off, each with the shipped model alone (`base`) and
learning what a person writes (`local`): every word is offered first, and learnt when it was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from quietkeys import Personalizer
from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.messages import read_messages
from quietkeys_bench.common.figures import Tell, cells_folder, kept_figures, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Misspellings
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_bench.common.texts import Person
from quietkeys_bench.nextword import perplexity as likelihood
from quietkeys_bench.nextword.strips import (
    BASE,
    LOCAL,
    OURS,
    PEER,
    OurStrip,
    PeerStrip,
    Strip,
    Tally,
    chosen_places,
    first_prompts,
    try_strip,
)
from quietkeys_bench.nextword.trigram import Trigram

KEYSTROKE_WORDS: Final = 300
RUNGS: Final = ((OURS, BASE), (OURS, LOCAL), (PEER, BASE), (PEER, LOCAL))


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words: the first of every person, 0 for all. perplexity: a text, or None.

    misspellings: what lists say of words that people misspelled themselves: they type what they meant.
    """

    people: Sequence[Person]
    words: int = 0
    keystroke_words: int = KEYSTROKE_WORDS
    seed: int = 0
    perplexity: Path | None = None
    misspellings: Misspellings = NOTHING

    def identity(self, subject: str) -> dict[str, object]:
        """Return what must agree for figures of a person to be of these settings. subject: of the bundle."""
        return {
            "subject": subject,
            "seed": self.seed,
            "words_limit": self.words,
            "misspellings": self.misspellings.identity,
            "keystroke_words_limit": self.keystroke_words,
        }


@dataclass(frozen=True, slots=True)
class Tried:
    """What every engine made of one person."""

    person: Person
    tallies: dict[tuple[str, str], Tally]


def run(
    settings: Settings,
    out: Path,
    tell: Tell,
    keyboards: Keyboards | None = None,
    trigram: Trigram | None = None,
    jobs: int = 1,
) -> None:
    """Measure everybody; a JSON each beside `out`, all of it there.

    jobs: processes. Raises OSError, ValueError (people), QuietkeysError.
    """
    keyboards = Keyboards() if keyboards is None else keyboards
    model = Trigram.shipped() if trigram is None else trigram
    bundle = keyboards.bundle()
    identity = settings.identity(bundle_identity(bundle))
    tried = _everybody(settings, identity, out, tell, keyboards, model, jobs)
    with keyboards.fresh() as stranger:
        perplexities = _perplexities(settings.perplexity, stranger, model)
    rows = [_pooled(tried, engine, rung) for engine, rung in RUNGS]
    tree = {
        "bench": "nextword",
        "mode": "clear",
        **identity,
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        **{name: rows[0][name] for name in ("top1", "top3", "keystrokes_saved")},
        "perplexity": next((row["perplexity"] for row in perplexities if row["engine"] == OURS), None),
        "rows": rows,
        "groups": [
            {"kind": kind, **_pooled([one for one in tried if one.person.kind == kind], engine, rung)}
            for kind in sorted({one.person.kind for one in tried})
            for engine, rung in RUNGS
        ],
        "people": [
            {"name": one.person.name, "engine": engine, "rung": rung, **one.tallies[engine, rung].figures()}
            for one in tried
            for engine, rung in RUNGS
        ],
        "perplexities": perplexities,
    }
    write_figures(out, "nextword", tree)


def _everybody(
    settings: Settings,
    identity: Mapping[str, object],
    out: Path,
    tell: Tell,
    keyboards: Keyboards,
    model: Trigram,
    jobs: int,
) -> list[Tried]:
    one = partial(
        _kept_or_tried, settings=settings, identity=identity, out=out, keyboards=keyboards, model=model
    )
    if jobs == 1:
        tried = map(one, settings.people)
        return list(_told(tried, len(settings.people), tell))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        return list(_told(processes.map(one, settings.people), len(settings.people), tell))


def _kept_or_tried(
    person: Person,
    settings: Settings,
    identity: Mapping[str, object],
    out: Path,
    keyboards: Keyboards,
    model: Trigram,
) -> Tried:
    path = cells_folder(out) / f"{person.name}.json"
    identity = {"person": person.name, **identity}
    if kept := kept_figures(path, "nextword-person", identity):
        counts = {(row["engine"], row["rung"]): Tally(**row["counts"]) for row in kept["tallies"]}
        return Tried(person, counts)
    tried = try_person(person, settings, keyboards, model)
    tallies = [
        {"engine": engine, "rung": rung, "counts": tally.counts()}
        for (engine, rung), tally in tried.tallies.items()
    ]
    write_figures(path, "nextword-person", {**identity, "tallies": tallies})
    return tried


def _told(tried: Iterable[Tried], count: int, tell: Tell) -> Iterator[Tried]:
    for done, one in enumerate(tried, 1):
        tell(done, count, one.person.name)
        yield one


def try_person(person: Person, settings: Settings, keyboards: Keyboards, model: Trigram) -> Tried:
    """Return what every engine makes of a person's tested words, the same for all."""
    tested = first_prompts(person, settings.words, settings.misspellings)
    places = frozenset(chosen_places(len(tested), settings.keystroke_words, settings.seed))
    with keyboards.fresh() as stranger, keyboards.fresh() as own:
        strips: dict[tuple[str, str], Strip] = {
            (OURS, BASE): OurStrip(stranger),
            (OURS, LOCAL): OurStrip(own, learns=True),
            (PEER, BASE): PeerStrip(model),
            (PEER, LOCAL): PeerStrip(model, learns=True),
        }
        tallies = {which: try_strip(strip, tested, places) for which, strip in strips.items()}
    return Tried(person, tallies)


def _pooled(tried: Sequence[Tried], engine: str, rung: str) -> dict[str, object]:
    # All words of all people together, and the mean over people, everybody weighing the same.
    tallies = [one.tallies[engine, rung] for one in tried]
    total = Tally()
    for one in tallies:
        total = total.plus(one)
    return {
        "engine": engine,
        "rung": rung,
        "people": len(tallies),
        **total.figures(),
        "mean_top1": sum(one.top1 / one.words for one in tallies) / len(tallies),
        "mean_top3": sum(one.top3 / one.words for one in tallies) / len(tallies),
    }


def _perplexities(path: Path | None, keyboard: Personalizer, model: Trigram) -> list[dict[str, object]]:
    if path is None:
        return []
    pieces = likelihood.predicted(read_messages(path))
    spelling = likelihood.Spelling.of(model.words)
    return [
        {"engine": engine, "words": len(pieces), "perplexity": likelihood.perplexity(pieces, log_probability)}
        for engine, log_probability in (
            (OURS, partial(likelihood.word_log_probability, keyboard)),
            (PEER, partial(likelihood.peer_log_probability, model, spelling)),
        )
    ]
