"""How readily autocorrect acts: three named levels and off.

The model gives every candidate a probability. What counts is how sure it is of the best candidate against
what was typed; a level is the certainty that it asks for. The figures are tuned on noise added to the
training texts (docs/MODEL.md), the same for everybody.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from quietkeys.arrays import Float64


class Level(StrEnum):
    """OFF corrects nothing. CAREFUL: rather leave a mistake. EAGER: rather change a word too many."""

    OFF = "off"
    CAREFUL = "careful"
    NORMAL = "normal"
    EAGER = "eager"


CERTAINTY: Final = {Level.OFF: 2.0, Level.CAREFUL: 0.95, Level.NORMAL: 0.5, Level.EAGER: 0.3}


def decided(probability: Float64, literal: int, certainty: float) -> int:
    """Return the candidate to put in place when the word ends: the best one if sure enough, else the literal.

    probability: [K]. literal: the candidate that was typed. certainty: of CERTAINTY.
    """
    others = probability.copy()
    others[literal] = -1.0
    best = int(others.argmax())
    sure = best != literal and probability[best] >= certainty * (probability[best] + probability[literal])
    return best if sure else literal
