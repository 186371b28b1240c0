"""What a report is made from: what the user's own words count for, and public evidence beside it.

    C = C_own(u) + n (w C_text(u) + rho C_mistakes(u))        E alike, for each block, with a rho of its own

u is the adapter in use. n: the user's own words behind C_own, in thousands. C_text is per thousand words of
made-up people, C_mistakes per thousand mistakes (`quietkeys.prediction.public_choices`). Every word weighs
P(kept)^q under u (`quietkeys.prediction.counting.hopes`), times EACH. Public evidence grows with the user's
own, so that no amount of typing outweighs it: whoever types for years does not teach the keyboard to leave
misspellings alone. What the weights gain and cost: docs/MODEL.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.counting import Choices, Lean, Masses, count
from quietkeys.prediction.events import EventMap
from quietkeys.prediction.public_choices import PublicChoices
from quietkeys_protocol.plan import Plan

TEXT_WEIGHT: Final = 0.25  # w: public words for each of the user's own
MISTAKE_WEIGHT: Final = 0.1  # rho: public mistakes for each of the user's own words
TIMES: Final = {"channel": 0.25, "lexicon": 1.0, "ranker": 10.0, "literal": 5.0}  # rho, by block
EACH: Final = 5.0  # of any word, beside the plan's prior
_PER: Final = 1000.0


def evidence(
    events: EventMap,
    plan: Plan,
    own: tuple[Choices, Float64],
    public: PublicChoices,
    adapter: Adapter,
    text_weight: float = TEXT_WEIGHT,
    mistake_weight: float = MISTAKE_WEIGHT,
) -> Mapping[str, Masses]:
    """Return the contested masses under an adapter that a report is made from, by block. Private.

    own: the user's counted choices, and what each weighs.
    """
    choices, weights = own
    lean = Lean.of(events, plan, adapter)
    total = _counted(events, choices, lean, weights)
    thousands = own_words(float(weights.sum()), public) / _PER
    text = _counted(events, public.text, lean)
    mistakes = _counted(events, public.mistakes, lean)
    of_text = thousands * text_weight * _PER / max(public.words, 1)
    of_mistakes = thousands * mistake_weight * _PER / max(len(public.mistakes), 1)
    return {
        block: both.plus(text[block].scaled(of_text)).plus(mistakes[block].scaled(of_mistakes * TIMES[block]))
        for block, both in total.items()
    }


def own_words(contested: float, public: PublicChoices) -> float:
    """Return how many words stand behind so many contested ones, if they are contested as public ones are."""
    return contested * public.words / max(len(public.text), 1)


def _counted(
    events: EventMap, choices: Choices, lean: Lean, weights: Float64 | float = 1.0
) -> Mapping[str, Masses]:
    return count(events, choices, lean, np.broadcast_to(EACH * weights, len(choices)), hopeful=True)
