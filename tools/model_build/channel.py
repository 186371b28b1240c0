"""log P(edit) of every edit operation: how fingers miss.

Substitutions: touch noise on the key grid (the population of `quietkeys.testing.typist`: Zhu et al.,
CHI 2018) mixed with the key confusions counted in the Aalto 136M keystrokes sample (Dhakal et al.
2018). Omission, insertion and transposition: that sample's proportions, spread over characters by
its counts. Everything is scaled to a stated share of letters wrong before decoding.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietkeys import edits, keyboard
from quietkeys.edits import APOSTROPHE, CLASSES, InsertionKind
from quietkeys.testing import typist

Floats = NDArray[np.float64]

WRONG = 0.08  # share of letters wrong before decoding, all kinds together (Azenkot and Zhai 2012)
TOUCH_SHARE = 0.75  # of letter substitutions; judgement: the counts are from physical keyboards
PRIOR_COUNT = 20.0  # pseudo-counts that smooth the confusions of one intended key
OMIT_REPEAT_FACTOR = 2.0  # judgement: one of a doubled letter is left out more easily than a lone one
INSERTION_KINDS = {  # shares, judgement: the sample tells which character was added, not beside what
    InsertionKind.REPEATED: 0.6,
    InsertionKind.NEAR: 0.25,
    InsertionKind.FAR: 0.15,
}
NEAR_KEYS = 8.0  # keys that touch one of the two neighbouring keys, about
RAREST = 1e-6  # probability of what was never counted


@dataclass(frozen=True, slots=True)
class TypingCounts:
    """Counts of the 136M sample by character class.

    confusion: [28, 28] intended, typed. omitted, inserted: [28]. swapped: [28, 28] neighbours.
    """

    confusion: Floats
    omitted: Floats
    inserted: Floats
    swapped: Floats


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """What is typed in the first place, as shares of all text.

    frequency: [28] characters. pairs: [28, 28] neighbours within words.
    """

    frequency: Floats
    pairs: Floats


def text_statistics(word_counts: Mapping[str, int]) -> TextStatistics:
    """Return the character statistics of words with their counts."""
    frequency, pairs = np.zeros(CLASSES), np.zeros((CLASSES, CLASSES))
    for word, count in word_counts.items():
        classes = edits.character_classes(word)
        for index, character in enumerate(classes):
            frequency[character] += count
            if index:
                pairs[classes[index - 1], character] += count
    frequency, pairs = frequency + 1.0, pairs + 1.0
    return TextStatistics(frequency / frequency.sum(), pairs / pairs.sum())


def read_counts(folder: Path) -> TypingCounts:
    """Return the counts in the folder of typing statistics; OSError if a file is missing."""
    counts = TypingCounts(
        np.zeros((CLASSES, CLASSES)), np.zeros(CLASSES), np.zeros(CLASSES), np.zeros((CLASSES, CLASSES))
    )
    for name in ("confusion_substitutions_corrected.tsv", "confusion_substitutions_uncorrected.tsv"):
        for row in _rows(folder / name):
            pair = tuple(edits.character_class(row[column]) for column in ("intended", "typed"))
            if pair[0] != pair[1] and " " not in (row["intended"], row["typed"]):
                counts.confusion[pair] += float(row["count"])
    for row in _rows(folder / "ins_om_trans_corrected.tsv"):
        characters = row["chars"][1:-1]
        classes = tuple(edits.character_classes(characters))
        if " " in characters:
            continue
        if row["kind"] == "transposition" and len(classes) == 2:
            counts.swapped[classes] += float(row["count"])
        elif row["kind"] == "omission" and len(classes) == 1:
            counts.omitted[classes] += float(row["count"])
        elif row["kind"] == "insertion" and len(classes) == 1:
            counts.inserted[classes] += float(row["count"])
    return counts


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def touch_confusion(wrong: float, touches: int = 40_000, seed: int = 1) -> Floats:
    """Return P(typed | intended) [26, 26] over the population of typists.

    wrong: share of letters wrong, all kinds together. touches: simulated per key.
    """
    rng = np.random.default_rng(seed)
    offsets = np.array(typist.MEAN_OFFSET) + typist.OFFSET_DEVIATION * rng.standard_normal((touches, 2))
    spreads = np.stack(
        [rng.uniform(*typist.SPREAD_X, touches), rng.uniform(*typist.SPREAD_Y, touches)], axis=1
    )
    deviations = typist.touch_scale(wrong) * (offsets + spreads * rng.standard_normal((touches, 2)))
    hits = keyboard.nearest_key(keyboard.KEY_CENTRES[:, None, :] + deviations)  # [26, touches]
    counts = np.stack([np.bincount(row, minlength=26) for row in hits])
    result: Floats = counts / touches
    return result


def channel_log_probabilities(
    counts: TypingCounts, text: TextStatistics, wrong: float = WRONG
) -> NDArray[np.float32]:
    """Return log P(edit) [EDIT_COUNT] in nats, 0 for padding.

    wrong: share of letters wrong before decoding, all kinds together.
    """
    omitted = _per_class(counts.omitted, text.frequency, typist.OMISSION_SHARE * wrong)
    added = typist.INSERTION_SHARE * wrong
    swapped = typist.TRANSPOSITION_SHARE * wrong
    as_meant = 1 - typist.OMISSION_SHARE * wrong - added - swapped
    confusion = confusion_probabilities(counts, text, wrong)
    inserted = _normal(counts.inserted + PRIOR_COUNT * text.frequency)
    log_p = np.full(edits.EDIT_COUNT, np.log(RAREST))
    log_p[edits.NONE] = 0.0
    for intended in range(CLASSES):
        for typed in range(CLASSES):
            log_p[edits.substitution(intended, typed)] = np.log(confusion[intended, typed] * as_meant)
        log_p[edits.omission(intended, False)] = np.log(omitted[intended])
        log_p[edits.omission(intended, True)] = np.log(omitted[intended] * OMIT_REPEAT_FACTOR)
    for kind, share in INSERTION_KINDS.items():
        for typed in range(CLASSES):
            # Given the kind, a repeat leaves one choice, a neighbour a few, anything else the alphabet.
            choice = {
                InsertionKind.REPEATED: 1.0,
                InsertionKind.NEAR: 1.0 / NEAR_KEYS,
                InsertionKind.FAR: float(inserted[typed]),
            }[kind]
            log_p[edits.insertion(typed, kind)] = np.log(max(added * share * choice, RAREST))
    for same_hand, rate in _swap_rates(counts, text, swapped).items():
        log_p[edits.transposition(same_hand)] = np.log(rate)
    return log_p.astype(np.float32)


def confusion_probabilities(counts: TypingCounts, text: TextStatistics, wrong: float) -> Floats:
    """Return P(typed | intended) [28, 28] of a character that is neither left out nor swapped."""
    substituted = typist.SUBSTITUTION_SHARE * wrong
    seen = counts.confusion + PRIOR_COUNT * _normal(counts.confusion.sum(0) + text.frequency)
    np.fill_diagonal(seen, 0.0)
    counted = substituted * seen / seen.sum(-1, keepdims=True)
    touch = touch_confusion(wrong)
    np.fill_diagonal(touch, 0.0)
    letters = slice(0, APOSTROPHE)
    counted[letters, letters] = (1 - TOUCH_SHARE) * counted[letters, letters] + TOUCH_SHARE * touch
    confusion: Floats = np.maximum(counted, RAREST)
    np.fill_diagonal(confusion, 0.0)
    np.fill_diagonal(confusion, 1 - confusion.sum(-1))
    return confusion


def _normal(values: Floats) -> Floats:
    result: Floats = values / values.sum()
    return result


def _per_class(counted: Floats, frequency: Floats, rate: float) -> Floats:
    """Return rates [28] whose mean over text is `rate`, half way (in logarithms) between even and counted."""
    relative = np.sqrt(np.clip(_normal(counted + PRIOR_COUNT * frequency) / frequency, 0.25, 4.0))
    result: Floats = rate * relative / float(relative @ frequency)
    return result


def _swap_rates(counts: TypingCounts, text: TextStatistics, rate: float) -> dict[bool, float]:
    """Return the rate of swapping neighbours by whether one hand types both."""
    keys = [*keyboard.LETTERS, "'", " "]
    hands = np.array([[keyboard.same_hand(one, two) for two in keys] for one in keys])
    result = {}
    for same_hand in (True, False):
        seen = counts.swapped[hands == same_hand].sum() + 1.0
        met = text.pairs[hands == same_hand].sum()
        result[same_hand] = rate * float(seen / (counts.swapped.sum() + 2.0) / met)
    return result
