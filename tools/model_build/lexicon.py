"""The words that autocorrect knows, how they are written, how common they are, and which are offensive.

The word lists of SCOWL, and what the training texts have besides if it is no misspelling of something far
more frequent. Keys are in lower case, letters and inner apostrophes. Ids: 0 is the sentence start, 1 any word
outside the lexicon, then words by falling frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Bool, Float32
from quietkeys.text.tokens import is_correctable

from . import casing, misspellings
from .corpora import Corpus
from .misspellings import Familiar
from .offensive import offensive_words
from .scowl import LONGEST, Kind, Listed

START: Final = "<s>"
UNKNOWN: Final = "<unk>"
SPECIAL: Final = (START, UNKNOWN)
RAREST: Final = 1e-9  # probability of the special ones, which nobody types

LIMIT: Final = 150_000  # words
SINGLE: Final = frozenset("aiurnkyx")  # one-letter words: English has two, the rest is common shorthand
FAMILIAR: Final = 20.0  # occurrences from which a listed word can be what a rare neighbour was meant to be
FAMILIAR_UNLISTED: Final = 400.0  # the same for a word that no list has
HABITS: Final = {2: 4.0, 3: 4.0, 4: 10.0}  # by letters: how much more often than the channel says ...
HABIT: Final = 40.0  # ... a misspelling is made, because long words are misspelled in the same way again
LONG: Final = 6  # letters
LIKELY_SLIP: Final = 2e-5  # chance of a plain mistake
CONFUSED: Final = 5.0  # times as frequent a word is that an unlisted one of LONG letters is taken for
OFTEN_PROOFREAD: Final = 10  # occurrences in edited text that make a word of any shape
HABIT_NAME: Final = 3.0  # the same for what edited text has as a name, or often
SPACE_LEFT_OUT: Final = 0.006  # of all spaces; judgement
BARE_SIZE: Final = 40  # size up to which a contraction without apostrophe can be a word of its own
BARE_SIZES: Final = {"t": 0, "s": 10}  # the same by what follows the apostrophe
UNCHECKED: Final = frozenset(("sgd",))  # paraphrased by many hands: hardly a spelling error corrected
PROOFREAD: Final = 2  # occurrences in edited text that say something
_SUBJECTS: Final = frozenset(
    ("it", "that", "what", "he", "she", "there", "here", "who", "let", "where", "how", "when", "why")
)
SHORT: Final = 3  # letters: everything is one edit from something, so short words need more evidence
SHORT_COMMON: Final = 35  # size up to which listed short words are taken in
SHORT_SELDOM: Final = 50  # the same for three letters that are nobody's likely slip
SHORT_LISTED: Final = 5  # occurrences a less common one needs
SHORT_UNLISTED: Final = 25  # the same where no list has it
HIDES: Final = 3.0  # expected slips per sighting from which an obscure listed word hides more than it serves
PRIOR_WORDS: Final = 200.0  # words that the rate of all sizes counts for in that of one size
USUAL: Final = 9  # letters of a rare word: which of the equally rare are kept where the limit cuts
UNSEEN: Final = 0.3  # sightings that a listed word is granted
WELL_KNOWN: Final = 40  # size up to which a listed word is never obscure
OBSCURE: Final = 70  # size beyond which a word must have been seen
TYPED_MINIMUM: Final = 4  # occurrences of an unlisted word in one corpus
SPREAD_MINIMUM: Final = 3  # the same in several corpora, or in edited text
DRAWN_OUT: Final = 30  # occurrences of a word with a letter three times in a row
_ENDINGS: Final = frozenset(("s", "es", "ed", "er", "ers", "ing", "'s"))


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words by id, the first two special. V words.

    display: as they are written. keys: in lower case, unique. log_frequency: [V] nats, the share of words
    outside left over. offensive: [V].
    """

    display: tuple[str, ...]
    keys: tuple[str, ...]
    log_frequency: Float32
    offensive: Bool


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where words occur.

    totals: in all text. general: weighted and adjusted for how evenly they are spread over the corpora.
    corpora: in how many. proofread: in edited text. by_corpus: in each, weighted. joined: how often two
    neighbours would make the word without the space between them.
    """

    totals: Mapping[str, int]
    general: Mapping[str, float]
    corpora: Mapping[str, int]
    proofread: Mapping[str, int]
    by_corpus: Mapping[str, Mapping[str, float]]
    joined: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Slips:
    """What a word is if it is no word. expected: how often. source: count of the likeliest one meant."""

    expected: float = 0.0
    source: float = 0.0


def gather(
    counts: Mapping[str, Mapping[str, int]], corpora: Sequence[Corpus], joined: Mapping[str, int]
) -> Occurrences:
    """Return the occurrences of the correctable words of all corpora, from their counts by corpus name."""
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
    return Occurrences(totals, adjusted(by_corpus), spread, proofread, by_corpus, joined)


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
        if not _is_contraction(word, lists[word]):
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


def _is_contraction(word: str, listed: Listed) -> bool:
    stem, mark, ending = word.rpartition("'")
    if ending == "s":
        return stem in _SUBJECTS
    return bool(mark) and Kind.CONTRACTIONS in listed.kinds


def familiar_words(seen: Occurrences, lists: Mapping[str, Listed], bare: Mapping[str, str]) -> Familiar:
    """Return the words that can have been meant by what is typed."""
    counts = {}
    for word, count in seen.totals.items():
        listed = lists.get(word)
        known = listed is not None and listed.size <= OBSCURE and count >= FAMILIAR
        if (known or count >= FAMILIAR_UNLISTED) and word not in bare and len(word) > 1:
            counts[word] = float(count)
    return Familiar.of(counts)


def expected_slips(words: Iterable[str], familiar: Familiar, channel: NDArray[Any]) -> dict[str, Slips]:
    """Return how often words are to be expected as slips of familiar ones they are not inflections of.

    channel: [EDIT_COUNT] log-probabilities at the rate of mistakes that stay in a text.
    """
    expected = {}
    for explanation in misspellings.explain(words, familiar, channel):
        counts = familiar.counts[explanation.intended]
        related = [_is_related(explanation.typed, familiar.words[index]) for index in explanation.intended]
        strange = ~np.array(related)
        likely = strange & (explanation.chance >= LIKELY_SLIP)
        slips = Slips(
            float((counts * explanation.chance)[strange].sum()), float(counts[likely].max(initial=0))
        )
        expected[explanation.typed] = slips
    return expected


def _is_related(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) <= SHORT:
        return False
    return longer.startswith(shorter) and longer[len(shorter) :] in _ENDINGS


def members(
    seen: Occurrences,
    lists: Mapping[str, Listed],
    bare: Mapping[str, str],
    expected: Mapping[str, Slips],
    shown: Mapping[str, str],
) -> set[str]:
    """Return the words of the lexicon. shown: how words are written."""
    words = {
        word
        for word in lists.keys() | seen.totals.keys()
        if word not in bare and not word.endswith("'s") and _is_wanted(word, seen, lists, expected, shown)
    }
    contracted = {word for word, listed in lists.items() if _is_contraction(word, listed)}
    owned = {word for word, count in seen.totals.items() if word.endswith("'s") and count >= PROOFREAD}
    return words | {word for word in owned if word[:-2] in words} | (contracted & seen.totals.keys())


def _is_wanted(
    word: str,
    seen: Occurrences,
    lists: Mapping[str, Listed],
    expected: Mapping[str, Slips],
    shown: Mapping[str, str],
) -> bool:
    if len(word) == 1:
        return word in SINGLE
    count, slips, listed = seen.totals.get(word, 0), expected.get(word, Slips()), lists.get(word)
    if listed is None:
        return _is_believed(word, seen, slips, shown)
    size = listed.size
    if listed.kinds <= {Kind.ABBREVIATIONS, Kind.HACKER} and size > SHORT_COMMON and count < PROOFREAD:
        return False
    if len(word) > SHORT and seen.proofread.get(word, 0) > PROOFREAD and seen.corpora[word] > 1:
        return True
    if len(word) <= SHORT:
        seldom = len(word) == SHORT and size <= SHORT_SELDOM and slips.expected < HIDES * (count + UNSEEN)
        return size <= SHORT_COMMON or seldom or (count >= SHORT_LISTED and slips.expected < HIDES * count)
    if size <= WELL_KNOWN:
        return True
    if size > OBSCURE:
        return count >= SPREAD_MINIMUM and slips.expected < count
    return slips.expected < HIDES * (count + UNSEEN)


def _is_believed(word: str, seen: Occurrences, slips: Slips, shown: Mapping[str, str]) -> bool:
    """Return whether a word that no list has is one all the same, and not a misspelling."""
    count, edited = seen.totals[word], seen.proofread.get(word, 0)
    if len(word) <= SHORT and count < SHORT_UNLISTED:
        return False
    if count < (SPREAD_MINIMUM if edited >= PROOFREAD or seen.corpora[word] > 1 else TYPED_MINIMUM):
        return False
    if any(word[at] == word[at + 1] == word[at + 2] for at in range(len(word) - 2)) and count < DRAWN_OUT:
        return False
    named = shown[word] != word and edited >= PROOFREAD
    if not named and len(word) >= LONG and slips.source > CONFUSED * count:
        return False
    habit = HABIT_NAME if named or edited >= OFTEN_PROOFREAD else HABITS.get(len(word), HABIT)
    together = SPACE_LEFT_OUT * seen.joined.get(word, 0)
    return slips.expected * habit + together * HABIT <= count


def pseudo_counts(seen: Occurrences, lists: Mapping[str, Listed], words: Iterable[str]) -> dict[str, float]:
    """Return how often each listed word is to be expected if it was never seen.

    Each corpus in turn is held out: how many words of one size has it that no other corpus has, of those that
    it could have? That is Good and Turing's question, asked across origins because texts of one origin repeat
    themselves; for the same reason a word counts once. A corpus stands for its share of all text. Inflections
    are judged by themselves; a larger size never gets more than a smaller one.
    """
    sizes = {name: sum(counts.values()) for name, counts in seen.by_corpus.items()}
    everything = sum(sizes.values())
    groups = {word: (_is_derived(word, lists), lists[word].size) for word in words if word in lists}
    found: Counter[tuple[bool, int]] = Counter()
    possible: dict[tuple[bool, int], float] = {}
    for word, group in groups.items():
        where = [name for name, counts in seen.by_corpus.items() if word in counts]
        if len(where) <= 1:
            found[group] += len(where)
            share = sizes[where[0]] / everything if where else 1.0
            possible[group] = possible.get(group, 0.0) + share
    overall = (found.total() + 1) / (sum(possible.values()) + PRIOR_WORDS)
    rates: dict[tuple[bool, int], float] = {}
    for group in sorted(possible):
        rate = (found[group] + PRIOR_WORDS * overall) / (possible[group] + PRIOR_WORDS)
        commoner = [rates[other] for other in rates if other[0] == group[0]]
        rates[group] = min([rate, *commoner])
    return {word: rates.get(group, overall) for word, group in groups.items()}


def build_lexicon(
    seen: Occurrences,
    lists: Mapping[str, Listed],
    forms: casing.Forms,
    phrases: Iterable[str],
    channel: NDArray[Any],
    also: Collection[str] = (),
    limit: int = LIMIT,
) -> Lexicon:
    """Return the lexicon of texts and word lists.

    forms: how the texts write words (`casing.collect_forms`). phrases: offensive ones
    (`offensive.package_words`). channel: [EDIT_COUNT] at the rate of mistakes that stay in a text.
    also: words to take in whatever speaks against them, if a text or a list has them.
    """
    bare = bare_contractions(seen, lists)
    familiar = familiar_words(seen, lists, bare)
    suspects = [
        word
        for word in lists.keys() | seen.totals.keys()
        if _is_suspect(word, lists.get(word), seen.totals.get(word, 0))
    ]
    expected = expected_slips(suspects, familiar, channel)
    shown = casing.displays(sorted(lists.keys() | seen.totals.keys()), forms, lists)
    known = members(seen, lists, bare, expected, shown)
    known |= set(also) & (lists.keys() | seen.totals.keys()) - bare.keys()
    sure = known | {word for word, count in seen.totals.items() if count >= PROOFREAD}
    offensive = offensive_words(sorted(sure), phrases)
    words = sorted(known | offensive)  # offensive ones are known so that they are left alone
    pseudo = pseudo_counts(seen, lists, words)
    frequency = {word: seen.general.get(word, 0.0) + pseudo.get(word, 0.0) for word in words}
    kept = sorted(words, key=lambda word: (-frequency[word], abs(len(word) - USUAL), word))[:limit]
    outside = sum(count for word, count in seen.general.items() if word not in frequency)
    total = sum(frequency.values()) + outside
    return Lexicon(
        display=(*SPECIAL, *(shown[word] for word in kept)),
        keys=(*SPECIAL, *kept),
        log_frequency=np.log([RAREST, RAREST, *(frequency[word] / total for word in kept)]).astype(
            np.float32
        ),
        offensive=np.array([False, False, *(word in offensive for word in kept)]),
    )


def _is_derived(word: str, lists: Mapping[str, Listed]) -> bool:
    """Return whether a list has what the word is an inflection of."""
    return any(
        word.endswith(ending) and word[: -len(ending)] in lists
        for ending in ("s", "es", "ed", "ing", "ly", "ness")
    )


def _is_suspect(word: str, listed: Listed | None, count: int) -> bool:
    """Return whether it matters how often a word is to be expected as a slip."""
    if word.endswith("'s") or len(word) > LONGEST:
        return False
    if listed is None:
        return count >= SPREAD_MINIMUM
    return listed.size > WELL_KNOWN or len(word) <= SHORT


def outside_words(
    seen: Occurrences, lexicon: Lexicon, forms: casing.Forms, bare: Collection[str]
) -> dict[str, int]:
    """Return the words of letters that texts have and the lexicon lacks, with counts; names left out."""
    known, nothing = {*lexicon.keys, *bare}, Counter[str]()
    return {
        word: count
        for word, count in seen.totals.items()
        if word not in known
        and word.isalpha()
        and casing.display(word, forms.get(word, nothing), None) == word
    }


def write_lexicon(words: Iterable[str]) -> str:
    """Return the text of a lexicon file: one word a line, line number = id."""
    return "\n".join(words) + "\n"
