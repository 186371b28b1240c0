"""What was learned and chosen, as JSON for its user.

Weights are coarse on purpose. An exact update is what the secret key makes of bytes that the trainer chose:
whoever published one would answer a trainer that asks for decryptions. See docs/decisions.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from quietkeys.api.open_profile import OpenProfile
from quietkeys.arrays import Int64
from quietkeys.sync.consent_record import consent_in
from quietkeys.text.tokens import BLANK

FORMAT: Final = "quietkeys export"
VERSION: Final = 1
WEIGHT_BITS: Final = 3  # of an exported weight, sign included
_LARGEST: Final = 2 ** (WEIGHT_BITS - 1) - 1
_DIGITS: Final = 2  # of a count, behind the point


def exported(opened: OpenProfile) -> bytes:
    """Return the JSON. Private. Raises Untrusted (PROFILE_DAMAGED), TryAgain (STORAGE_FAILED)."""
    store, memory = opened.profile.store, opened.model.predictor.memory
    with opened.typing:
        chosen, consent = opened.preferences.current, consent_in(store)
        counts = {key: round(memory.count(key), _DIGITS) for key in sorted(memory.counts)}
        tree = {
            "format": FORMAT,
            "version": VERSION,
            "exported_at": opened.environment.clock(),
            "words": [
                {"word": key[0], "count": count, "own": key[0] in memory.own_words}
                for key, count in counts.items()
                if len(key) == 1
            ],
            "pairs": [
                {"before": key[0], "word": key[1], "count": count}
                for key, count in counts.items()
                if len(key) == 2 and BLANK not in key
            ],
            "forms": [
                {"word": key[1], "written": written, "count": round(memory.form_count(key), _DIGITS)}
                for key in sorted(memory.forms)
                for written in key[2:]
            ],
            "added": sorted(memory.added.values()),
            "never_correct": sorted(chosen.never_correct),
            "never_suggest": sorted(chosen.never_suggest),
            "replacements": dict(sorted(chosen.replacements.items())),
            "level": chosen.level.value,
            "paused": opened.is_paused(),
            "apps": {name: asdict(profile) for name, profile in sorted(chosen.apps.items())},
            "consent": None if consent is None else asdict(consent),
            "ledger": [asdict(line) for line in store.ledger()],
            "adapter": _adapter(opened),
        }
    return json.dumps(tree, ensure_ascii=False, indent=1).encode()


def _adapter(opened: OpenProfile) -> dict[str, Any]:
    weights = opened.model.adapters.in_use()
    blocks = {}
    for block in opened.model.plan.blocks:
        step, levels = coarse(weights.by_block[block.name])
        blocks[block.name] = {"step": step * block.z_unit, "weights": levels.tolist()}
    return {"version": weights.version, "bits": WEIGHT_BITS, "blocks": blocks}


def coarse(weights: Int64) -> tuple[int, Int64]:
    """Return (step, levels): weights are about step * levels, and levels have WEIGHT_BITS bits.

    The step is a power of two, so that it tells no weight either.
    """
    largest = int(np.abs(weights).max(initial=0))
    step = 2 ** max(0, math.ceil(math.log2(largest / _LARGEST))) if largest else 1
    return step, np.rint(weights / step).astype(np.int64)
