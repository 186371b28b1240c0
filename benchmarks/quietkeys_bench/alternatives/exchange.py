"""What is sent in each way and how it is combined: from what devices know to everybody's step and its price.

Everything else is the same: people, hands, base model, local memory, counted choices, the plan's adapter, the
device's rules for a step. One round each. Bytes are of what is sent, without HTTP, TLS or gRPC around it;
seconds are of the processor, and of a server for everybody the share of one person.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.cipher import Parameters
from quietkeys.cipher.local import LocalCipher
from quietkeys.evaluation.ladder import reference_weights
from quietkeys.prediction.counting import Masses
from quietkeys.updates.report import encoded
from quietkeys.updates.versions import no_weights
from quietkeys_bench.alternatives.attack import read_ciphertexts, read_update, strengths
from quietkeys_bench.alternatives.device import Device, signed
from quietkeys_bench.alternatives.libraries import Libraries
from quietkeys_bench.alternatives.training import Training
from quietkeys_bench.alternatives.ways import DELTA, EPSILONS, WORD_DP
from quietkeys_bench.common.circles import Report
from quietkeys_bench.common.subject import Mode
from quietkeys_protocol.plan import Plan

THRESHOLD: Final = 0.0  # of Presidio's scores: its default, which redacts most
WEIGHT_BYTES: Final = 4  # of a number in an update
_WORD_LENGTH: Final = 5.0  # what one word may count for (L2 of C and E over all events), cut there
FILE_KEY: Final = bytes(32)  # of keys that live as long as a bench

Step = Mapping[str, Float64]  # by block, in units of weights


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one person and round. once_bytes: sent before the first round, as keys are."""

    upload_bytes: int = 0
    download_bytes: int = 0
    once_bytes: int = 0
    device_seconds: float = 0.0
    server_seconds: float | None = 0.0
    round_trips: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Made:
    """What a way makes for one person. step: None for none.

    guess: R by event as the party that sees most holds it to be; None where it sees nothing. own_words: how
    many of the person's own it has read.
    """

    step: Step | None
    costs: Costs
    guess: Float64 | None = None
    own_words: int = 0
    mode: Mode = Mode.CLEAR


def nothing_shared(devices: Sequence[Device]) -> list[Made]:
    """Return what each device finds by itself."""
    return [Made(_real(device.step), Costs(device_seconds=device.timed[2])) for device in devices]


def uploaded(devices: Sequence[Device], libraries: Libraries) -> tuple[list[Made], list[Made]]:
    """Return what comes of redacted text: with a model for each person, and with one for all."""
    plan = devices[0].model.plan
    found = [_redacted(device, libraries) for device in devices]
    own, begun = [], time.process_time()
    for one in found:
        own.append(_trained(plan, one.counts))
    seconds = (time.process_time() - begun) / len(devices)
    begun = time.process_time()
    pooled = _trained(plan, _added([one.counts for one in found]))
    pooled_seconds = (time.process_time() - begun) / len(devices)

    def made(one: _Redacted, step: Step, server_seconds: float) -> Made:
        costs = Costs(one.size, _update_bytes(plan), 0, one.seconds, server_seconds, 1)
        return Made(step, costs, one.guess, one.own_words)

    return (
        [made(one, step, seconds) for one, step in zip(found, own, strict=True)],
        [made(one, pooled, pooled_seconds) for one in found],
    )


def averaged(devices: Sequence[Device], libraries: Libraries, *, secure: bool) -> list[Made]:
    """Return what Flower makes of everybody's update."""
    plan = devices[0].model.plan
    updates = [packed(plan, _real(device.step)) for device in devices]
    examples = [len(device.numbers) for device in devices]
    answer = libraries.averaged([one.tolist() for one in updates], examples, secure=secure)
    mean = unpacked(plan, np.array(answer["mean"]))
    strength = _strength(devices)
    crowd = read_update(plan, mean, strength)
    return [
        Made(
            mean,
            Costs(
                client["upload_bytes"],
                client["download_bytes"],
                0,
                device.timed[2] + client["seconds"],
                answer["server_seconds"] / len(devices),
                client["round_trips"],
            ),
            crowd if secure else read_update(plan, _real(device.step), strength),
        )
        for device, client in zip(devices, answer["clients"], strict=True)
    ]


def noised(devices: Sequence[Device], libraries: Libraries) -> Iterator[list[Made]]:
    """Yield what comes of differential privacy for a whole person: local for each epsilon, then central.

    An update is cut to the median length of all, which is not charged for. Central noise is on the sum.
    """
    plan, strength = devices[0].model.plan, _strength(devices)
    updates = np.array([packed(plan, _real(device.step)) for device in devices])
    lengths = np.linalg.norm(updates, axis=1)
    longest = float(np.median(lengths)) or 1.0
    cut = updates * np.minimum(1.0, longest / np.maximum(lengths, 1e-12))[:, None]
    sent = WEIGHT_BYTES * updates.shape[1]
    for answer in libraries.noised(cut.tolist(), longest, EPSILONS, DELTA):
        rows = np.array(answer["rows"])
        mean = unpacked(plan, rows.mean(0))
        guesses = [read_update(plan, unpacked(plan, row), strength) for row in rows]
        spent = answer["seconds"] / len(devices)
        yield [
            Made(mean, Costs(sent, sent, 0, device.timed[2] + spent, 0.0, 1), guess)
            for device, guess in zip(devices, guesses, strict=True)
        ]
    plain = [read_update(plan, _real(device.step), strength) for device in devices]
    for answer in libraries.noised([cut.sum(0).tolist()], longest, EPSILONS, DELTA):
        mean = unpacked(plan, np.array(answer["rows"][0]) / len(devices))
        spent = answer["seconds"] / len(devices)
        yield [
            Made(mean, Costs(sent, sent, 0, device.timed[2], spent, 1), guess)
            for device, guess in zip(devices, plain, strict=True)
        ]


def noised_counts(devices: Sequence[Device], libraries: Libraries) -> list[Made]:
    """Return what comes of counts in the clear with noise that hides one word: an own model each.

    What one word counts for is cut to a length first. How many words were counted is not hidden. The server
    adds the public evidence.
    """
    plan = devices[0].model.plan
    counted = [_cut_words(device) for device in devices]
    rows = [one.row.tolist() for one in counted]
    (answer,) = libraries.noised(rows, _WORD_LENGTH, (WORD_DP.epsilon,), DELTA)
    made: list[Made] = []
    for device, one, noisy in zip(devices, counted, answer["rows"], strict=True):
        row, begun = np.array(noisy), time.process_time()
        step = _trained(plan, _masses_of(plan, np.maximum(row + one.public, 0.0)))
        server = time.process_time() - begun
        spent = one.seconds + answer["seconds"] / len(devices)
        costs = Costs(WEIGHT_BYTES * len(row), _update_bytes(plan), 0, spent, server, 1)
        made.append(Made(step, costs, signed(plan, _masses_of(plan, row), len(device.numbers))))
    return made


@dataclass(frozen=True, slots=True, repr=False)
class _Counted:
    # C and E of one person in a row, each word's part cut; what the server adds; what counting took.
    row: Float64
    public: Float64
    seconds: float


def _cut_words(device: Device) -> _Counted:
    begun, choices = time.process_time(), device.choices()
    names = [block.name for block in device.model.plan.blocks]
    own = _masses_row(device.own_counts(choices), names)
    cut = own.copy()
    for choice in choices:
        one = _masses_row(device.own_counts([choice]), names)
        cut -= one * max(0.0, 1.0 - _WORD_LENGTH / max(float(np.linalg.norm(one)), 1e-12))
    return _Counted(cut, _masses_row(device.whole, names) - own, time.process_time() - begun)


def encrypted(
    devices: Sequence[Device], given: Parameters, folder: Path, training: Training, executed: int
) -> list[Made]:
    """Return what quietkeys makes of each report.

    folder: for keys, not there yet, until the caller removes it. executed: how many people, the first ones,
    train under real keys; the others' have the modelled noise. All reports are encrypted for the attack.
    """
    cipher = LocalCipher(folder, given, file_key=FILE_KEY)
    cipher.generate_keys()
    made: list[Made] = []
    for number, device in enumerate(devices):
        begun = time.process_time()
        values = cipher.encrypt(arrays_of(device.report))
        spent = device.timed[2] + time.process_time() - begun
        trained = training.alone(device.report, execute=number < executed)
        costs = ours_costs(given, spent, trained.seconds)
        made.append(Made(_real(trained.step), costs, read_ciphertexts(given, values), mode=trained.mode))
    cipher.close()
    return made


def arrays_of(report: Report) -> list[Int64]:
    """Return what is encrypted of a report, in the order of the plan."""
    return [array for block in report.values() for array in (block.strength, block.gradient)]


def ours_costs(parameters: Parameters, device_seconds: float, seconds: float | None) -> Costs:
    """Return what a round of quietkeys costs: a report, a job to ask for, an update."""
    frames = parameters.frames
    up = sum(frame.size for frame in frames.report)
    down = sum(frame.size for frame in frames.update)
    return Costs(up, down, frames.keys.size, device_seconds, seconds, 3)


def packed(plan: Plan, step: Step) -> Float64:
    """Return a step as one row, each block over half its field: numbers of about -1 to 1."""
    return np.concatenate([step[block.name] / (1 << (block.z_bits - 1)) for block in plan.blocks])


def unpacked(plan: Plan, row: Float64) -> dict[str, Float64]:
    """Return the step of a row."""
    ends = np.cumsum([block.width for block in plan.blocks])
    parts = np.split(row, ends[:-1])
    return {
        block.name: part * (1 << (block.z_bits - 1)) for block, part in zip(plan.blocks, parts, strict=True)
    }


@dataclass(frozen=True, slots=True, repr=False)
class _Redacted:
    # What a server gets of one person: counts of what is left, how large, what it took and tells.
    counts: Mapping[str, Masses]
    size: int
    seconds: float
    guess: Float64
    own_words: int


def _redacted(device: Device, libraries: Libraries) -> _Redacted:
    places = device.places()
    numbers = sorted({place.message for place in places.values()})
    answer = libraries.redacted([device.messages[number] for number in numbers], THRESHOLD)
    by_message = dict(zip(numbers, answer["messages"], strict=True))
    gone = frozenset(
        number
        for number, place in places.items()
        if any(begin < place.end and place.begin < end for begin, end in by_message[place.message]["spans"])
    )
    kept: dict[int, list[str]] = {}
    for word in device.learnt:
        if word.number not in gone:
            kept.setdefault(places[word.number].message, []).append(word.text)
    # What was typed goes with what was kept, and is about as long.
    size = sum(
        len(json.dumps({"text": one["text"], "typed": kept.get(number, [])}).encode())
        for number, one in by_message.items()
    )
    left = device.choices(gone)
    readable = [text for text, where in device.own_words().items() if not gone.issuperset(where)]
    guess = signed(device.model.plan, device.own_counts(left), len(left))
    return _Redacted(device.counts(left), size, answer["seconds"], guess, len(readable))


def _trained(plan: Plan, counts: Mapping[str, Masses]) -> Step:
    # The plan's own training, in the clear.
    return _real(reference_weights(plan, encoded(plan, counts, no_weights(plan))))


def _added(everybody: Sequence[Mapping[str, Masses]]) -> dict[str, Masses]:
    total = dict(everybody[0])
    for one in everybody[1:]:
        total = {name: both.plus(one[name]) for name, both in total.items()}
    return total


def _strength(devices: Sequence[Device]) -> Float64:
    return strengths(devices[0].model.plan, [device.whole for device in devices])


def _real(step: Mapping[str, Any]) -> dict[str, Float64]:
    return {name: np.asarray(values, dtype=np.float64) for name, values in step.items()}


def _update_bytes(plan: Plan) -> int:
    return WEIGHT_BYTES * sum(block.width for block in plan.blocks)


def _masses_row(counts: Mapping[str, Masses], names: Sequence[str]) -> Float64:
    return np.concatenate(
        [part for name in names for part in (counts[name].evidence_for, counts[name].evidence_against)]
    )


def _masses_of(plan: Plan, row: Float64) -> dict[str, Masses]:
    found: dict[str, Masses] = {}
    start = 0
    for block in plan.blocks:
        size = len(block.events)
        found[block.name] = Masses(row[start : start + size], row[start + size : start + 2 * size])
        start += 2 * size
    return found
