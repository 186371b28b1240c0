"""The attack: what the party that sees most recovers of a person, by a simple reconstruction that is run.

*Own words* are read off text where there is text; an update has no event for a word that no lexicon has, so
nothing but text yields any. *Habits* are the events in which a person differs most from the mean of the
others, and in which direction. Whoever sees counts takes them as they are; whoever sees an update u expects

    R = S tanh(A u / 2)

of it, with the mean S of all people, and subtracts the mean of what the others sent. Whoever sees ciphertexts
reads their bodies as if the mask were zero. Whoever sees a sum alone holds that everybody is like the sum.

The limits: this is a reconstruction, not the best there is. It uses one round and no side knowledge of a
person, so it is a lower bound of what a party can find out, never an upper one. What it finds by luck is
`BY_CHANCE`. Parties that collude see more: all others of a sum see what is left of it; a device of a circle
has the circle's keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.cipher import Parameters
from quietkeys.prediction.counting import Masses
from quietkeys_protocol.plan import Plan

HABITS: Final = 10  # of a person
SEEDED: Final = 3  # words of a ciphertext whose mask travels as a seed: the seed, the body


def by_chance(events: int) -> float:
    """Return how many of HABITS a guess without knowledge finds on average: event and direction right."""
    return HABITS * HABITS / events / 2.0


def strengths(plan: Plan, everybody: Sequence[Mapping[str, Masses]]) -> Float64:
    """Return the mean S of everybody's evidence, all blocks one after the other: what a server may know."""
    both = [
        (one[block.name].evidence_for + one[block.name].evidence_against) / 2.0
        for one in everybody
        for block in plan.blocks
    ]
    per_person = np.concatenate(both).reshape(len(everybody), -1)
    result: Float64 = per_person.mean(0)
    return result


def read_update(plan: Plan, step: Mapping[str, Float64], strength: Float64) -> Float64:
    """Return the R that an update tells of, of every event. strength: S of every event."""
    z = np.concatenate([block.A @ step[block.name] * block.z_unit for block in plan.blocks])
    result: Float64 = strength * np.tanh(z / 2.0)
    return result


def read_ciphertexts(parameters: Parameters, values: Sequence[bytes]) -> Float64:
    """Return the R that a report's ciphertexts tell of, read as if they were not masked."""
    bodies: list[Float64] = []
    for value, frame, size in zip(values, parameters.frames.report, _sizes(parameters.plan), strict=True):
        words = np.frombuffer(value, "<i8", SEEDED * size, frame.payload_start)
        bodies.append(words[SEEDED - 1 :: SEEDED].astype(np.float64) / 2.0**64)  # of the torus
    parts: list[Float64] = []
    for number, block in enumerate(parameters.plan.blocks):
        strength, gradient = bodies[2 * number], bodies[2 * number + 1]
        parts.append((strength - strength.min()) * (block.A @ gradient))
    return np.concatenate(parts)


def recovered(habits: Sequence[Float64], guesses: Sequence[Float64 | None], person: int) -> int:
    """Return how many of a person's habits are among as many guesses, direction included.

    habits: R by event of everybody. guesses: what a party holds R to be, of everybody; None: it saw nothing.
    """
    guess = guesses[person]
    if guess is None:
        return 0
    true = _strongest(_difference(habits, person))
    others = [one for place, one in enumerate(guesses) if place != person and one is not None]
    apart = [one for one in others if one is not guess]
    named = _strongest(guess - np.mean(apart, axis=0) if apart else guess)
    return len(true & named)


def _difference(habits: Sequence[Float64], person: int) -> Float64:
    others = [one for place, one in enumerate(habits) if place != person]
    result: Float64 = habits[person] - (np.mean(others, axis=0) if others else 0.0)
    return result


def _strongest(values: Float64) -> set[tuple[int, bool]]:
    places = np.argsort(-np.abs(values), kind="stable")[:HABITS]
    return {(int(place), bool(values[place] > 0.0)) for place in places if values[place] != 0.0}


def _sizes(plan: Plan) -> list[int]:
    return [field.size for field in plan.report_fields]
