"""Where words occur: in the training texts, and how often in general English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys.text.tokens import is_correctable

from .corpora import Corpus
from .scowl import LONGEST, Kind, Listed

UNCHECKED: Final = frozenset(("sgd",))  # paraphrased by many hands: hardly a spelling error corrected
EDITED: Final = 0.1  # of the mistakes that typists leave, the share in general English, most of it edited
PROOFREAD: Final = 2  # occurrences in edited text that say something
BARE_SIZE: Final = 40  # size up to which a contraction without apostrophe can be a word of its own
BARE_SIZES: Final = {"t": 0, "s": 10}  # the same by what follows the apostrophe
_SUBJECTS: Final = frozenset(
    ("it", "that", "what", "he", "she", "there", "here", "who", "let", "where", "how", "when", "why")
)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where words occur.

    totals: in all text. general: weighted and adjusted for how evenly they are spread over the corpora.
    corpora: in how many. proofread: in edited text. by_corpus: in each, weighted. joined: how often two
    neighbours would make the word without the space between them. elsewhere: how often they come in so much
    general English (`frequencies.PER` words). beyond: by how much all that was seen is more than the texts.
    left: of the mistakes that typists leave, the share that is left in all of it.
    """

    totals: Mapping[str, int]
    general: Mapping[str, float]
    corpora: Mapping[str, int]
    proofread: Mapping[str, int]
    by_corpus: Mapping[str, Mapping[str, float]]
    joined: Mapping[str, int]
    elsewhere: Mapping[str, float]
    beyond: float
    left: float

    def everywhere(self, word: str) -> float:
        """Return how often a word was seen in the texts and elsewhere."""
        return self.totals.get(word, 0) + self.elsewhere.get(word, 0.0)

    @property
    def words(self) -> set[str]:
        """All words that were seen anywhere."""
        return self.totals.keys() | self.elsewhere.keys()


def gather(
    counts: Mapping[str, Mapping[str, int]],
    corpora: Sequence[Corpus],
    joined: Mapping[str, int],
    elsewhere: Mapping[str, float],
) -> Occurrences:
    """Return the occurrences of the correctable words of all corpora, from their counts by corpus name.

    elsewhere: `frequencies.package_frequencies`.
    """
    totals: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    proofread: Counter[str] = Counter()
    by_corpus: dict[str, dict[str, float]] = {}
    for corpus in corpora:
        kept = {
            word: count
            for word, count in counts[corpus.name].items()
            if is_correctable(word) and len(word) <= LONGEST
        }
        totals.update(kept)
        spread.update(kept.keys())
        if corpus.edited and corpus.name not in UNCHECKED:
            proofread.update(kept)
        by_corpus[corpus.name] = {word: count * corpus.weight for word, count in kept.items()}
    beyond = 1.0 + sum(elsewhere.values()) / max(totals.total(), 1)
    left = (1.0 + EDITED * (beyond - 1.0)) / beyond
    general = adjusted(by_corpus)
    return Occurrences(totals, general, spread, proofread, by_corpus, joined, elsewhere, beyond, left)


def adjusted(by_corpus: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the weighted counts, lower for words of few corpora.

    The geometric mean of the plain sum and of Rosengren's adjusted frequency (1971), which is
    (sum over corpora of sqrt(share of the corpus * count there))^2: equal to the sum for an even spread, and
    that corpus' share of it for a word of one corpus only.
    """
    sizes = {name: sum(counts.values()) for name, counts in by_corpus.items()}
    everything = sum(sizes.values())
    plain: Counter[str] = Counter()
    roots: Counter[str] = Counter()
    for name, counts in by_corpus.items():
        share = sizes[name] / everything
        for word, count in counts.items():
            plain[word] += count  # type: ignore[assignment]
            roots[word] += (share * count) ** 0.5
    return {word: float((count * roots[word] ** 2) ** 0.5) for word, count in plain.items()}


def bare_contractions(seen: Occurrences, lists: Mapping[str, Listed]) -> dict[str, str]:
    """Return the contractions without their apostrophe that are no words of their own: "dont" -> "don't".

    "well" and "id" are words: a list has them among the common ones, and so has edited text. Those that end
    in "n't" never are ("cant" and "wont" are listed, but nobody means them), and with "'s" only the
    commonest ("its", "lets").
    """
    bare: dict[str, str] = {}
    for word in sorted(lists.keys() & seen.totals.keys()):
        if not is_contraction(word, lists[word]):
            continue
        stem, _, ending = word.rpartition("'")
        form, largest = stem + ending, BARE_SIZES.get(ending, BARE_SIZE)
        own = lists.get(form)
        meant, contracted = seen.proofread.get(form, 0), seen.proofread.get(word, 0)
        if own is not None and meant >= PROOFREAD and (own.size <= largest or meant > contracted):
            continue
        if form not in bare or seen.totals[word] > seen.totals[bare[form]]:
            bare[form] = word
    return bare


def is_contraction(word: str, listed: Listed) -> bool:
    """Return whether a word with an apostrophe is a contraction, not somebody's."""
    stem, mark, ending = word.rpartition("'")
    if ending == "s":
        return stem in _SUBJECTS
    return bool(mark) and Kind.CONTRACTIONS in listed.kinds
