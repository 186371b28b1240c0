"""The built-in layouts of phone keyboards, as rows of keys.

Rows are staggered as phones do: the keys of a shorter row keep their width and stand in the middle, the last
row beside a shift key of one and a half widths. On Dvorak, which phones rarely have, no row is staggered but
the last, by half a key. A key of the letter page that is no letter (, and .) is there because touches meant
for its neighbours land on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quietkeys.keyboard.layout import QWERTY, Layout

__all__ = ["AZERTY", "DVORAK", "LAYOUTS", "QWERTY", "QWERTZ"]

AZERTY: Final = Layout.from_rows(
    "azerty", (("azertyuiop", 0.0), ("qsdfghjklm", 0.0), ("wxcvbn'", 1.5)), left="azertqsdfgwxcvb"
)
QWERTZ: Final = Layout.from_rows(
    "qwertz", (("qwertzuiop", 0.0), ("asdfghjkl", 0.5), ("yxcvbnm", 1.5)), left="qwertasdfgyxcvb"
)
DVORAK: Final = Layout.from_rows(
    "dvorak", (("',.pyfgcrl", 0.0), ("aoeuidhtns", 0.0), ("qjkxbmwvz", 0.5)), left="'pyaoeuiqjkx"
)
LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {layout.name: layout for layout in (QWERTY, AZERTY, QWERTZ, DVORAK)}
)
