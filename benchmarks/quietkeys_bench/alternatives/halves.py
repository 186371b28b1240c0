"""A circle: one person's text typed on two devices that share keys, and not memory."""

from __future__ import annotations

from dataclasses import asdict

from quietkeys.cipher.local import LocalCipher
from quietkeys.evaluation.ladder import learn_person, try_person, verdict
from quietkeys.evaluation.rounds import evidence_of, followed, report_of
from quietkeys.updates.versions import adapter_of, no_weights
from quietkeys_bench.alternatives.attack import read_ciphertexts, recovered
from quietkeys_bench.alternatives.exchange import FILE_KEY, Costs, arrays_of, ours_costs
from quietkeys_bench.alternatives.makers import Given
from quietkeys_bench.alternatives.outcomes import attacked, typed
from quietkeys_bench.alternatives.training import DEVICES
from quietkeys_bench.alternatives.ways import CIRCLE, LOCAL, SPLIT, Way
from quietkeys_bench.common.circles import Report, in_turn, shares
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.subject import Mode


def measured(given: Given, place: int) -> dict[Way, Figures]:
    """Return the figures of the person at a place with two devices, with and without an update of both.

    Every device has the memory of its half, and all the words that are tested are typed on each: the figures
    are of both together. The trainer sees two accounts that belong together, and ciphertexts.
    """
    device = given.devices[place]
    plan, chance = device.model.plan, device.person.chance
    learners = [
        learn_person(device.model, own, device.writer, chance(given.seed, 7))
        for own in in_turn(device.learnt, DEVICES)
    ]
    known, nothing = [evidence_of(one) for one in learners], no_weights(plan)
    reports = [report_of(device.model, one, nothing, DEVICES) for one in known]
    parts = [shares(report, DEVICES, chance(given.seed, 11)) for report in reports]
    trained = given.training.joined(parts, execute=place < given.executed)
    adapters = [
        adapter_of(plan, followed(device.model, one, nothing, trained.step, DEVICES)) for one in known
    ]
    outcomes = [
        try_person(learner, device.tested, device.writer, {CIRCLE.name: adapter})
        for learner, adapter in zip(learners, adapters, strict=True)
    ]
    applied = [verdict(learner, adapter).applied for learner, adapter in zip(learners, adapters, strict=True)]
    costs = ours_costs(given.parameters, DEVICES * device.timed[2], trained.seconds)
    both = {name: DEVICES * getattr(costs, name) for name in ("upload_bytes", "download_bytes")}
    return {
        SPLIT: {
            "mode": Mode.CLEAR.value,
            **typed(outcomes, LOCAL.name),
            "followed": True,
            "applied": False,
            "costs": asdict(Costs()),
            "attack": attacked(device, 0),
        },
        CIRCLE: {
            "mode": trained.mode.value,
            **typed(outcomes, CIRCLE.name),
            "followed": True,
            "applied": all(applied),
            "costs": asdict(costs) | both,
            "attack": attacked(device, _read(given, place, parts[0])),
        },
    }


def _read(given: Given, place: int, part: Report) -> int:
    # What the trainer reads in one device's ciphertexts.
    cipher = LocalCipher(given.private / "circle", given.parameters, file_key=FILE_KEY)
    cipher.generate_keys()
    guess = read_ciphertexts(given.parameters, cipher.encrypt(arrays_of(part)))
    cipher.close()
    nobody = [guess if number == place else None for number in range(len(given.devices))]
    return recovered([one.habits for one in given.devices], nobody, place)
