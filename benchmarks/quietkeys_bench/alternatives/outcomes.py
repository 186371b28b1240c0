"""What a way is worth to one person: what is typed after learning, and what the attack finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

import numpy as np

from quietkeys.arrays import Bool
from quietkeys.evaluation.ladder import Tested, try_person, verdict
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_bench.alternatives.attack import HABITS, by_chance, recovered
from quietkeys_bench.alternatives.device import Device
from quietkeys_bench.alternatives.exchange import Made
from quietkeys_bench.alternatives.ways import LOCAL, Way
from quietkeys_bench.common.figures import Figures

_SHARES: Final = ("slips_fixed", "misspellings_fixed", "good_altered", "own_kept")


def tested(devices: Sequence[Device], place: int, made: Mapping[Way, Sequence[Made]]) -> dict[Way, Figures]:
    """Return the figures of one person by way; all ways type the same words at once."""
    device = devices[place]
    plan = device.model.plan
    own = {way: everybody[place] for way, everybody in made.items() if place < len(everybody)}
    followed = {way: _followed(device, one) for way, one in own.items()}
    adapters = {
        way.name: adapter_of(plan, weights) for way, weights in followed.items() if weights is not None
    }
    outcome = try_person(device.learner, device.tested, device.writer, adapters)
    rows: dict[Way, Figures] = {}
    for way, one in own.items():
        rung = way.name if way.name in adapters else LOCAL.name
        applied = way.name in adapters and verdict(device.learner, adapters[way.name]).applied
        rows[way] = {
            "mode": one.mode.value,
            **typed([outcome], rung),
            "followed": one.step is None or way.name in adapters,
            "applied": applied,
            "costs": asdict(one.costs),
            "attack": _found(devices, place, made[way]),
        }
    return rows


def _followed(device: Device, made: Made) -> Weights | None:
    if made.step is None:
        return None
    return device.follow({name: np.rint(values).astype(np.int64) for name, values in made.step.items()})


def typed(outcomes: Sequence[Tested], rung: str) -> Figures:
    """Return what is right on a rung, of one device, or of several of one person together."""
    found: Figures = {name: [0, 0] for name in ("from_base", "from_local", *_SHARES)}
    found |= {"words_tested": 0, "right": 0, "base_right": 0, "local_right": 0}
    for one in outcomes:
        base, local, right = (np.array(one.right[name]) for name in ("base", LOCAL.name, rung))
        found["words_tested"] += len(right)
        found["right"] += int(right.sum())
        found["base_right"] += int(base.sum())
        found["local_right"] += int(local.sum())
        counts = {
            "from_base": _changes(base, right),
            "from_local": _changes(local, right),
            **one.shares(rung),
        }
        for name, (first, second) in counts.items():
            found[name] = [found[name][0] + first, found[name][1] + second]
    return found


def _changes(before: Bool, after: Bool) -> tuple[int, int]:
    # (words put right, words put wrong)
    return int((after & ~before).sum()), int((~after & before).sum())


def attacked(device: Device, habits: int, own_words: int = 0) -> Figures:
    """Return what an attack found of a person: so many habits, so many own words."""
    return {
        "own_words": len(device.own_words()),
        "own_words_recovered": own_words,
        "habits": HABITS,
        "habits_recovered": habits,
        "by_chance": by_chance(len(device.habits)),
    }


def _found(devices: Sequence[Device], place: int, everybody: Sequence[Made]) -> Figures:
    one = everybody[place]
    habits = [other.habits for other in devices[: len(everybody)]]
    found = recovered(habits, [made.guess for made in everybody], place)
    return attacked(devices[place], found, one.own_words)
