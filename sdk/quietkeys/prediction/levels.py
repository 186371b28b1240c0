"""How readily autocorrect acts: three named levels and off.

The model gives every candidate a probability. What counts is how sure it is of the best candidate against
what was typed; a level is the certainty that it asks for. What may well be a word that no lexicon has, a few
letters or a name at the start of a sentence, has to be beaten by more. The figures are tuned on noise added
to the training texts (docs/MODEL.md), the same for everybody.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import numpy as np

from quietkeys.arrays import Float64


class Level(StrEnum):
    """OFF corrects nothing. CAREFUL: rather leave a mistake. EAGER: rather change a word too many."""

    OFF = "off"
    CAREFUL = "careful"
    NORMAL = "normal"
    EAGER = "eager"


CERTAINTY: Final = {Level.OFF: 2.0, Level.CAREFUL: 0.95, Level.NORMAL: 0.5, Level.EAGER: 0.3}
FEW_LETTERS: Final = 3  # of a word outside the lexicon that is more often meant than it looks: "wfh", "irl"
# What a word outside the lexicon that is more often meant has on its side; MODEL.md, Levels, has the trials.
MEANT: Final = 2.0  # nats on top of what the model gives it
COMMON: Final = -6.5  # nats; log-frequency of words that are as likely to be meant as the model says
GUESSED: Final = -13.0  # nats; below it the texts are too few to tell one log-frequency from another
RARER: Final = 0.5  # nats against what else may be meant for every nat that it is rarer than COMMON
_LETTER: Final = -math.log(26.0)  # nats; of any letter: those of an abbreviation follow no rule


def decided(probability: Float64, literal: int, certainty: float) -> int:
    """Return the candidate to put in place when the word ends: the best one if sure enough, else the literal.

    probability: [K]. literal: the candidate that was typed. certainty: of CERTAINTY.
    """
    others = probability.copy()
    others[literal] = -1.0
    best = int(others.argmax())
    sure = best != literal and probability[best] >= certainty * (probability[best] + probability[literal])
    return best if sure else literal


def meant(log_spelling: float, letters: int) -> float:
    """Return what the probability of a literal is multiplied by that the lexicon lacks and that may be meant.

    log_spelling: under the character model of unknown words, nats. letters: of the literal.
    """
    return math.exp(MEANT + float(np.logaddexp(log_spelling, _LETTER * letters)) - log_spelling)


def rivals(log_frequency: float) -> float:
    """Return what the probability of a word of this frequency is multiplied by against what may be meant."""
    return math.exp(RARER * (max(log_frequency, GUESSED) - COMMON))


def surely(
    probability: Float64, literal: int, best: int, certainty: float, mine: float, others: float
) -> bool:
    """Return whether the best candidate is sure enough to stand in the place of what may be meant.

    It is weighed against all others: that there is a slip says little while it is not clear of which word.
    mine: `meant`, of the literal. others: `rivals`, of the best.
    """
    against = 1.0 - probability[best] - probability[literal] * (1.0 - mine)
    return bool((1.0 - certainty) * probability[best] * others >= certainty * against)
