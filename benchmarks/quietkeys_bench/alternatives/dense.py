"""The ranker's pairs as dense features, and what Concrete ML's encrypted SGD makes of them.

For a choice in doubt, its kept candidate against its strongest rival: the difference of both in what each
weight of the ranker block moves, and in the score that they have without an adapter. Logistic regression on
such differences is what the ranker's block learns, less the counting. The weight of the base score says how
many nats the library's weights are in. The other blocks learn nothing this way: their events are sparse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Choices, Lean, scores
from quietkeys_bench.alternatives.device import Device
from quietkeys_bench.alternatives.exchange import Costs, Made
from quietkeys_bench.common.processes import ask

STEPS: Final = 50  # of batches of eight
PAIRS: Final = 400  # at most, of a person, at random
_CLOSE: Final = 4.0  # nats between the two of a pair; farther apart none is in doubt
_RANGE: Final = (-2.0, 2.0)  # what the library is told to expect of weights; it has no default
_LEAST: Final = 0.25  # of the base score's weight, by which others are divided
_LONGEST_S: Final = 3600.0
_CHILD: Final = Path(__file__).parent / "children" / "sgd.py"


def trained(device: Device, seed: int) -> Made:
    """Return what comes of one person's pairs, at the price of a batch that is run under encryption.

    Raises ChildFailed where the library fails.
    """
    block = next(one for one in device.model.plan.blocks if one.name == "ranker")
    X, y, scale = pairs(device, device.person.chance(seed, 13))
    asked = {
        "X": X.tolist(),
        "y": y.tolist(),
        "seed": seed,
        "steps": STEPS,
        "parameters_range": _RANGE,
    }
    answer = ask([str(_CHILD)], json.dumps(asked), _LONGEST_S)
    weights = np.array(answer["weights"])
    nats = weights[:-1] / max(float(weights[-1]), _LEAST) / scale[:-1] * scale[-1]
    step = {one.name: np.zeros(one.width) for one in device.model.plan.blocks}
    step[block.name] = nats / block.z_unit
    price = answer["price"]
    read = [np.zeros(len(one.events)) for one in device.model.plan.blocks if one.name != block.name]
    place = [one.name for one in device.model.plan.blocks].index(block.name)
    read.insert(place, block.A @ np.array(price["read"][:-1]))
    return Made(step, _costs(price), np.concatenate(read))


def _costs(price: Mapping[str, Any]) -> Costs:
    return Costs(
        price["upload_bytes"],
        price["download_bytes"],
        price["key_bytes"],
        price["device_seconds"],
        price["server_seconds"],
        STEPS,
    )


def pairs(device: Device, rng: np.random.Generator) -> tuple[Float64, Int64, Float64]:
    """Return differences [N, d + 1] of about unit size, labels [N], and what each column was divided by."""
    events = device.model.events
    choices = Choices.of(events, device.choices())
    score = scores(choices, Lean.none(events))
    kept, rival = _rivals(choices, score)
    moved = (choices.features[kept] - choices.features[rival]) @ events.ranker_map
    table = np.column_stack([moved, score[kept] - score[rival]])
    table = table[np.abs(table[:, -1]) < _CLOSE]
    table = table[rng.permutation(len(table))[:PAIRS]]
    scale = np.maximum(table.std(0), 1e-6)
    labels: Int64 = rng.integers(0, 2, len(table))
    signs = np.where(labels == 1, 1.0, -1.0)[:, None]
    return np.clip(table / scale, -3.0, 3.0) * signs, labels, scale


def _rivals(choices: Choices, score: Float64) -> tuple[Sequence[int], Sequence[int]]:
    kept: list[int] = []
    rivals: list[int] = []
    for begin, end, place in zip(choices.begins, choices.ends, choices.kept, strict=True):
        others = [row for row in range(begin, end) if row != place]
        if others:
            kept.append(int(place))
            rivals.append(max(others, key=lambda row: float(score[row])))
    return kept, rivals
