"""The emoji that there are, in groups, and finding one by its name."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

FOUND: Final = 3  # places of the strip
_ASSETS: Final = Path(__file__).parent.parent / "assets"
_ALSO: Final = {  # words that people use and Unicode does not
    "lol": "😂",
    "laugh": "😂",
    "love": "❤",
    "thanks": "🙏",
    "please": "🙏",
    "cool": "😎",
    "sad": "😢",
    "happy": "😊",
    "angry": "😡",
    "ok": "👌",
    "party": "🎉",
    "home": "🏠",
    "phone": "📱",
    "football": "⚽",
    "coffee": "☕",
}


@cache
def groups() -> dict[str, list[str]]:
    """Return emoji by the name of their group, in the order of the sheet."""
    about = json.loads((_ASSETS / "emoji.json").read_text(encoding="utf-8"))
    return {str(name): list(symbols) for name, symbols in about["groups"].items()}


def found(query: str) -> list[str]:
    """Return at most FOUND emoji in whose name a word begins so, the best first; none for no query."""
    wanted = query.strip().lower()
    if not wanted:
        return []
    every = [symbol for symbols in groups().values() for symbol in symbols]
    first = [symbol for word, symbol in _ALSO.items() if word.startswith(wanted)]
    named = [symbol for symbol in every if any(word.startswith(wanted) for word in _name(symbol))]
    named.sort(key=lambda symbol: (wanted not in _name(symbol), len(_name(symbol))))
    return list(dict.fromkeys([*first, *named]))[:FOUND]


@cache
def _name(symbol: str) -> list[str]:
    return unicodedata.name(symbol[0], "").lower().replace("-", " ").split()
