"""The language stage: from texts and typing statistics to everything that judges words.

Plain values in, plain values out: the plan stage takes a `Language` and adds the adapter's blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietkeys.lexicon import WordTables
from quietkeys.symbols import CLASSES, word_class
from quietkeys.tokens import is_correctable

from . import channel, lexicon, spelling
from .graph import LanguageParts
from .neural import export, text, training
from .neural.network import Sizes
from .neural.text import Line
from .neural.training import Recipe
from .neural.vocabulary import Symbols

NETWORK_WORDS = 20_000  # in the network's vocabulary; the rest of the lexicon shares classes
TAIL_RANK = 20_000  # words from this rank on teach the spelling model too, being names and the like
TAIL_WEIGHT = 0.3  # what such a word counts for against one outside the lexicon

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Language:
    """A lexicon and what judges its words.

    display: by id, as they are written. tables: what the SDK knows of them. network: the language model, ONNX.
    figures: what was measured while building, for the documentation.
    """

    display: tuple[str, ...]
    tables: WordTables
    network: bytes = field(repr=False)
    parts: LanguageParts
    figures: Mapping[str, float]
