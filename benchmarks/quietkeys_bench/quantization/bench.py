"""`quietkeys bench quantization`: what planes, steps and event types cost and keep, in the clear, on people.

Everybody types once with the shipped bundle; then every variant of every block is trained on the same counts
in floating point, by the integer program, and by the integer program with the noise of an encrypted run.
Every person leaves a JSON in a folder beside the output, so that a run that was stopped goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from quietkeys.evaluation.machine import this_machine
from quietkeys.prediction.model import Model
from quietkeys_bench.common.figures import read_figures, write_figures
from quietkeys_bench.common.noise import NOISE
from quietkeys_bench.common.people import Person
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.personalization.bench import cells_folder
from quietkeys_bench.quantization.gain_kept import keep
from quietkeys_bench.quantization.groupings import (
    Grouping,
    channel_groupings,
    lexicon_groupings,
    ranker_groupings,
)
from quietkeys_bench.quantization.one_person import DRAWS, Typing, finer, try_variants, type_person
from quietkeys_bench.quantization.variants import Variant, grid_hash, variants

RATE: Final = 0.08
SEED: Final = 0  # of hands, repairs, noise and code books

Tell = Callable[[int, int, str], None]  # people done, people in all, the last one's name


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure.

    others: people whose typing makes code books, none of them measured. words_limit: of every person's words,
    around the split; 0 for all.
    """

    people: Sequence[Person]
    others: Sequence[Person]
    words_limit: int = 0


def run(settings: Settings, out: Path, subject: Subject, tell: Tell) -> None:
    """Measure everybody who is missing, pool all of them, and write the output."""
    model = finer(subject.model)
    total = len(settings.people) + len(settings.others)
    others: dict[str, Typing] = {}
    for person in settings.others:
        others[person.name] = type_person(model, person, SEED, RATE, settings.words_limit)
        tell(len(others), total, person.name)
    tried = variants(subject.model.plan, _groupings(subject.model, others))
    identity = {
        "seed": SEED,
        "rate": RATE,
        "subject": subject.identity,
        "words_limit": settings.words_limit,
        "grid": grid_hash(tried),
    }
    cells = []
    for done, person in enumerate(settings.people, len(others) + 1):
        path = cells_folder(out) / f"{person.name}-seed{SEED}-rate{RATE:g}.json"
        cells.append(
            _cell(
                path, {"person": person.name, **identity}, partial(_measured, model, person, settings, tried)
            )
        )
        tell(done, total, person.name)
    result = {
        "bench": "quantization",
        "mode": Mode.CLEAR.value,
        "p_error": subject.model.plan.p_error,
        "subject": subject.identity,
        "plan": subject.model.plan.hash,
        "seeds": [SEED],
        "rate": RATE,
        "words_limit": settings.words_limit,
        "noise": {"levels": NOISE, "draws": DRAWS},
        "code_book_people": sorted(others),
        "machine": this_machine().tree(),
        **keep(cells, [variant.figures(subject.model.plan) for variant in tried]),
    }
    write_figures(out, "quantization", result)


def _groupings(model: Model, others: dict[str, Typing]) -> dict[str, list[Grouping]]:
    blocks = {block.name: block for block in model.plan.blocks}
    prior = dict(blocks["ranker"].units)["prior"]
    tables = [typing.learnt for typing in others.values()]
    return {
        "channel": channel_groupings(blocks["channel"]),
        "lexicon": lexicon_groupings(len(model.search.lexicon.words)),
        "ranker": ranker_groupings(blocks["ranker"], model.events, tables, prior, SEED),
    }


def _cell(path: Path, identity: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # One person's figures, measured unless an earlier run has left them.
    found = read_figures(path, "quantization-person")
    if not found or {name: found[name] for name in identity} != identity:
        found = identity | measure()
        write_figures(path, "quantization-person", found)
    return found


def _measured(model: Model, person: Person, settings: Settings, tried: Sequence[Variant]) -> dict[str, Any]:
    typing = type_person(model, person, SEED, RATE, settings.words_limit)
    sizes = {"words_learnt": typing.words_learnt, "words_tested": len(typing.tested.hopeless)}
    return sizes | try_variants(typing, model.plan, tried, SEED)
