"""`quietkeys bench quantization`: what planes, steps and event types cost and keep, in the clear, on people.

Everybody types once with the shipped bundle; then every variant of every block is trained on the same counts
in floating point, by the integer program, and by the integer program with the noise of an encrypted run.
Every person leaves a JSON in a folder beside the output, so that a run that was stopped goes on from there.

Errors are summed over people; log-likelihoods are means over people of means per choice. Gains are against
local memory alone. Where floating point gains nothing there is nothing to keep, and the figure is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.evaluation.machine import this_machine
from quietkeys.prediction.model import Model
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Half, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.common.training import NOISE
from quietkeys_bench.quantization.groupings import (
    Grouping,
    channel_groupings,
    lexicon_groupings,
    literal_groupings,
    ranker_groupings,
)
from quietkeys_bench.quantization.one_person import DRAWS, Typing, finer, try_variants, type_person
from quietkeys_bench.quantization.variants import Variant, grid_hash, variants

RATE: Final = 0.08
SEED: Final = 0  # of hands, repairs, noise and code books


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure.

    others: people whose typing makes code books, none of them measured. words_limit: of every person's words,
    around the split; 0 for all.
    """

    people: Sequence[Person]
    others: Sequence[Person]
    words_limit: int = 0
    misspellings: Misspellings = NOTHING
    half: Half = Half.ALL

    @property
    def hand(self) -> Hand:
        """How they type."""
        return Hand(SEED, RATE, self.misspellings)


def run(settings: Settings, out: Path, subject: Subject, tell: Tell) -> None:
    """Measure everybody who is missing, pool all of them, and write the output."""
    model = finer(subject.model)
    total = len(settings.people) + len(settings.others)
    others: dict[str, Typing] = {}
    for person in settings.others:
        others[person.name] = type_person(model, person, settings.hand, settings.words_limit)
        tell(len(others), total, person.name)
    tried = variants(subject.model.plan, _groupings(subject.model, others))
    identity = {
        "seed": SEED,
        "rate": RATE,
        "subject": subject.identity,
        "words_limit": settings.words_limit,
        "misspellings": settings.misspellings.identity,
        "grid": grid_hash(tried),
    }
    cells = []
    for done, person in enumerate(settings.people, len(others) + 1):
        path = cells_folder(out) / f"{person.name}-seed{SEED}-rate{RATE:g}.json"
        once = partial(_measured, model, person, settings, tried)
        cells.append(kept_or_measured(path, "quantization-person", {"person": person.name, **identity}, once))
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
        "misspellings": settings.misspellings.identity,
        "half": settings.half.value,
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
        "literal": literal_groupings(blocks["literal"]),
    }


def _measured(model: Model, person: Person, settings: Settings, tried: Sequence[Variant]) -> Figures:
    typing = type_person(model, person, settings.hand, settings.words_limit)
    sizes = {"words_learnt": typing.words_learnt, "words_tested": len(typing.tested.hopeless)}
    return sizes | try_variants(typing, model.plan, tried, SEED)


def keep(cells: Sequence[Figures], described: Sequence[Figures]) -> Figures:
    """Return people, rows and the shipped blocks together, as in `quantization.json`."""
    local = [cell["local"] for cell in cells]
    rows = []
    for number, description in enumerate(described):
        found = [(cell["rows"][number], cell["local"]) for cell in cells]
        fitting = [(row, alone) for row, alone in found if row is not None]
        rows.append(description | {"people": len(fitting)} | _row(fitting))
    return {
        "people": [
            {
                "name": cell["person"],
                "words_learnt": cell["words_learnt"],
                "words_tested": cell["words_tested"],
                "errors": cell["local"]["errors"],
            }
            for cell in cells
        ],
        "together": _gains([cell["together"] for cell in cells], local),
        "rows": rows,
    }


def _row(fitting: Sequence[tuple[Figures, Figures]]) -> Figures:
    if not fitting:
        return {"gain": None, "agreement": None}
    rows = [row for row, _ in fitting]
    away = np.array([row["relative_l2"] for row in rows])  # [people, draws]
    slope = np.array([row["slope"] for row in rows])
    return {
        "gain": _gains(rows, [alone for _, alone in fitting]),
        "agreement": {
            "relative_l2": float(away.mean()),
            "relative_l2_90": float(np.quantile(away, 0.9)),
            "relative_l2_worst": float(away.max()),
            "slope": float(slope.mean()),
            "slope_lowest": float(slope.min()),
            "slope_highest": float(slope.max()),
        },
    }


def _gains(rows: Sequence[Figures], local: Sequence[Figures]) -> Figures:
    # The share of errors removed, the rise of the log-likelihood, and how much of float's the others keep.
    removed = {kind: _removed(rows, local, kind) for kind in ("float", "reference", "noisy")}
    rise = {kind: _rise(rows, local, kind) for kind in ("float", "reference", "noisy")}
    return {
        "errors_removed": removed,
        "log_likelihood_gained": rise,
        "errors_kept": {kind: _share(removed, kind) for kind in ("reference", "noisy")},
        "log_likelihood_kept": {kind: _share(rise, kind) for kind in ("reference", "noisy")},
        "same_best": float(np.mean([row["same_best"] for row in rows])),
        "same_best_worst": float(min(row["same_best"] for row in rows)),
    }


def _removed(rows: Sequence[Figures], local: Sequence[Figures], kind: str) -> float:
    before = sum(alone["errors"] for alone in local)
    after = sum(row[kind]["errors"] for row in rows)
    return float((before - after) / before) if before else 0.0


def _rise(rows: Sequence[Figures], local: Sequence[Figures], kind: str) -> float:
    pairs = zip(rows, local, strict=True)
    return float(np.mean([row[kind]["log_likelihood"] - alone["log_likelihood"] for row, alone in pairs]))


def _share(gain: Figures, kind: str) -> float | None:
    return gain[kind] / gain["float"] if gain["float"] > 0.0 else None
