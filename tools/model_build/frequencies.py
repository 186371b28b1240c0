"""How frequent words are in general English, as the package wordfreq says.

Its list averages seven kinds of text, from books and encyclopedias to subtitles and short messages of about
2010 to 2021, and lies in the package itself. All of it is in small letters, and it holds common
misspellings: it says how often something is written, never that it is a word.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final, Protocol, cast

from quietkeys.text.tokens import is_correctable

from .scowl import LONGEST

PER: Final = 1e8  # words of text that the counts are of; the rarest words of the list come once


class FrequenciesError(Exception):
    """The package whose frequencies are read is not installed."""


class _Package(Protocol):
    def get_frequency_dict(self, lang: str, wordlist: str) -> Mapping[str, float]: ...


def package_frequencies() -> dict[str, float]:
    """Return how often each word comes in PER words of English, words of letters and inner apostrophes.

    Raises FrequenciesError without the package.
    """
    try:
        package = cast(_Package, importlib.import_module("wordfreq"))
    except ModuleNotFoundError as error:
        raise FrequenciesError("wordfreq is not installed; the extra dev brings it") from error
    shares = package.get_frequency_dict("en", "large")
    return {
        word: share * PER for word, share in shares.items() if is_correctable(word) and len(word) <= LONGEST
    }
