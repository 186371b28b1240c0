"""`quietkeys bench agreement --noise N`: noise of N encrypted rounds, and rounding apart from it.

People's reports are trained under real keys, one round after the other. Of every result the phase is read
with the secret key, and what was computed is told apart from noise (`reachable`). The noise is compared with
the variance that the parameters predict (`quietkeys_protocol.noise`); what was computed, with the integer
program in the clear and with runs of it whose look-ups were moved by the predicted noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from math import erfc, log, log2, pi
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.evaluation.ladder import learn_person, reference_weights, split
from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.rounds import evidence_of, followed, report_of
from quietkeys.prediction.model import Model
from quietkeys.updates.report import Encoded
from quietkeys.updates.versions import no_weights
from quietkeys_bench.agreement.bench import RATE, Settings
from quietkeys_bench.agreement.full_rounds import TOP, FullRounds, Phases
from quietkeys_bench.agreement.reachable import has_chains, reachable, told_apart
from quietkeys_bench.common.figures import Figures, Tell, write_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.common.training import Noisy
from quietkeys_protocol.cut_values import KEPT_BYTES
from quietkeys_protocol.noise import TORUS_BITS, margin_of, noise_of
from quietkeys_protocol.plan import Block
from quietkeys_protocol.program import accumulator_bits, reference, train
from quietkeys_protocol.specification import Specification, circuit_name

Reports = Iterator[Mapping[str, Encoded]]

BEYOND: Final = (2.0, 3.0, 4.0, 5.0)  # deviations
QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)
EDGES: Final = (0, 1, 8, 16, 32, 64, 128, 256, 512)  # of the histogram of deviations, the last is open
MODELLED_RUNS: Final = 20  # of every report
MIN_SAMPLES: Final = 2
SURE: Final = 1.96  # standard errors around a deviation: 95 %


@dataclass(slots=True, repr=False)
class _Seen:
    """What the rounds have shown of a block, a list entry a round."""

    whole: list[Float64] = field(default_factory=list)
    sent: list[Float64] = field(default_factory=list)
    off: list[Int64] = field(default_factory=list)
    modelled: list[Int64] = field(default_factory=list)
    unsure: int = 0


def run(
    settings: Settings, rounds: int, out: Path, subject: Subject, training: FullRounds, tell: Tell
) -> None:
    """Measure so many rounds; all of it goes to `out`. Raises OSError, ValueError (text)."""
    plan, specification = training.parameters.plan, training.parameters.specification
    seen = {block.name: _Seen() for block in plan.blocks}
    rng = np.random.default_rng([settings.seed, 13])
    for done, report in enumerate(islice(_reports(settings, subject.model), rounds)):
        tell(done, rounds, "rounds")
        results = training.train(report)
        for block in plan.blocks:
            _look(seen[block.name], block, specification, report[block.name], results[block.name], rng)
    blocks = [_figures(seen[block.name], block, specification) for block in plan.blocks]
    write_figures(
        out,
        "noise",
        {
            "bench": "noise",
            "mode": settings.mode.value,
            "p_error": plan.p_error,
            "subject": subject.identity,
            "seeds": [settings.seed],
            "rate": RATE,
            "words_limit": settings.words_limit,
            "misspellings": settings.misspellings.identity,
            "half": settings.half.value,
            "rounds": rounds,
            "machine": this_machine().tree(),
            "people": [person.name for person in settings.people],
            "blocks": blocks,
        },
    )


def _reports(settings: Settings, model: Model) -> Reports:
    """Yield reports of people, some rounds of each, and then the same ones again, without end."""
    return cycle(report for person in settings.people for report in _of_person(settings, person, model))


def _of_person(settings: Settings, person: Person, model: Model) -> Reports:
    writer, words = Hand(settings.seed, RATE, settings.misspellings).writes(person)
    learnt, _ = split(words, settings.words_limit or None)
    evidence = evidence_of(learn_person(model, learnt, writer, person.chance(settings.seed, 7)))
    used = no_weights(model.plan)
    for _ in range(settings.rounds):
        report = report_of(model, evidence, used)
        yield report
        used = followed(model, evidence, used, reference_weights(model.plan, report))


def _look(
    seen: _Seen,
    block: Block,
    specification: Specification,
    report: Encoded,
    phases: Phases,
    rng: np.random.Generator,
) -> None:
    """Note what a round shows of a block. Noise is kept in deviations of what is predicted."""
    given = report.strength, report.gradient
    clear, _ = reference(block, *given)
    moves = 0.5 / margin_of(specification, block).look_up  # of a table's step, one deviation
    seen.modelled += [train(block, *given, Noisy(rng, moves)) - clear for _ in range(MODELLED_RUNS)]
    if not has_chains(block):
        seen.off.append(np.rint(phases.whole).astype(np.int64) - clear)
        seen.unsure += block.width
        return
    whole, sent = predicted(specification, block)
    told = told_apart(reachable(block, report), phases.whole, whole)
    seen.off.append(told.computed - clear)
    seen.unsure += int(np.count_nonzero(~told.sure))
    seen.whole.append((told.noise / whole)[told.sure])
    seen.sent.append(((phases.sent - told.computed) / sent)[told.sure])


def predicted(specification: Specification, block: Block) -> tuple[Float64, Float64]:
    """Return the deviation of the noise of every weight of a result, [d], whole and as it is sent.

    In units of the weight, by the formulas of `quietkeys_protocol.noise`: that of the look-ups that the
    weight sums up, then that and what cutting every word of the ciphertext adds.
    """
    outputs = {circuit.name: circuit.outputs for circuit in specification.circuits}
    (output,) = outputs[circuit_name(block)]
    torus = 2.0 ** (TORUS_BITS - TOP + accumulator_bits(block))  # units of a weight around the torus
    look_ups = block.planes * (block.steps - 1) * (block.A**2).sum(axis=0)  # each times its entry squared
    none = noise_of(specification, 0.0).total
    whole = np.array([noise_of(specification, float(norm)).total - none for norm in look_ups])
    cut = (output.dimension / 2 + 1) / 12 / 4.0 ** (8 * KEPT_BYTES)
    return torus * np.sqrt(whole), torus * np.sqrt(whole + cut)


def _figures(seen: _Seen, block: Block, specification: Specification) -> Figures:
    whole, sent = (float(one.mean()) for one in predicted(specification, block))
    margin = margin_of(specification, block)
    return {
        "block": block.name,
        "weights": len(seen.off) * block.width,
        "unsure": seen.unsure,
        "predicted": {"whole": whole, "sent": sent},
        "whole": _noise(seen.whole),
        "sent": _noise(seen.sent),
        "extrapolated": {"look_up": _tail(margin.look_up), "result": _tail(margin.result)},
        "rounding": _deviations(seen.off),
        "modelled_rounding": _deviations(seen.modelled),
    }


def _noise(kept: Sequence[Float64]) -> Figures | None:
    """Return how noise is distributed, in predicted deviations; None where none could be told apart."""
    noise = np.concatenate(kept) if kept else np.empty(0)
    if len(noise) < MIN_SAMPLES:
        return None
    spread = float(np.sqrt(np.mean(noise**2)))
    error = SURE * spread / (2.0 * len(noise)) ** 0.5
    return {
        "samples": len(noise),
        "deviation": spread,
        "deviation_low": spread - error,
        "deviation_high": spread + error,
        "mean": float(noise.mean()),
        "largest": float(np.abs(noise).max()),
        "beyond": [
            {
                "deviations": beyond,
                "found": int(np.count_nonzero(np.abs(noise) > beyond)),
                "due": len(noise) * erfc(beyond / 2.0**0.5),
            }
            for beyond in BEYOND
        ],
    }


def _tail(deviations: float) -> Figures:
    """Return what a normal distribution has beyond so many deviations, which no sample reaches."""
    beyond = deviations / 2.0**0.5
    return {
        "deviations": deviations,  # erfc(x) < exp(-x^2) / (x sqrt(pi)), and close to it this far out
        "log2_probability": -(beyond**2) / log(2.0) - log2(beyond * pi**0.5),
    }


def _deviations(off: Sequence[Int64]) -> Figures:
    """Return how far weights lie from those of the clear program: quantiles and a histogram, in units."""
    far = np.abs(np.concatenate(off))
    counts = np.diff([*(np.count_nonzero(far < edge) for edge in EDGES), len(far)])
    return {
        "moved": float(np.mean(far > 0)),
        "rms": float(np.sqrt(np.mean(far.astype(np.float64) ** 2))),
        "quantiles": [{"share": q, "units": float(np.quantile(far, q))} for q in QUANTILES],
        "histogram": [
            {"from": edge, "share": float(count / len(far))}
            for edge, count in zip(EDGES, counts, strict=True)
        ],
    }
