"""Fonts, icons and emoji as Kivy takes them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from kivy.core.image import Image
from kivy.core.text import Label as CoreLabel

FOLDER: Final = Path(__file__).parent.parent / "assets"
ICON_FONT: Final = str(FOLDER / "icons.ttf")
_TEXTURES: Final = 2_000  # kept; a screen shows a few hundred


@cache
def icons() -> dict[str, str]:
    """Return the character of every icon by name."""
    return dict(json.loads((FOLDER / "icons.json").read_text()))


@cache
def emoji() -> dict[str, Any]:
    """Return the texture of every emoji."""
    about = json.loads((FOLDER / "emoji.json").read_text())
    sheet = Image(str(FOLDER / "emoji.png")).texture
    cell, columns = about["cell"], about["columns"]
    found = {}
    for place, symbol in enumerate(one for group in about["groups"].values() for one in group):
        row, column = divmod(place, columns)
        found[symbol] = sheet.get_region(column * cell, sheet.height - (row + 1) * cell, cell, cell)
    return found


_texts: dict[tuple[object, ...], Any] = {}
_widths: dict[tuple[object, ...], float] = {}


def text_texture(
    text: str, size: float, colour: tuple[float, ...], font: str = "Roboto", bold: bool = False
) -> Any:
    """Return the texture of a text of one line, from a cache."""
    key = (text, size, colour, font, bold)
    if key not in _texts:
        if len(_texts) >= _TEXTURES:
            _texts.clear()
        label = CoreLabel(text=text, font_size=size, color=colour, font_name=font, bold=bold)
        label.refresh()
        _texts[key] = label.texture
    return _texts[key]


def text_width(text: str, size: float, font: str = "Roboto") -> float:
    """Return the width of a text of one line, from a cache."""
    key = (text, size, font)
    if key not in _widths:
        if len(_widths) >= _TEXTURES * 10:
            _widths.clear()
        _widths[key] = float(CoreLabel(font_size=size, font_name=font).get_extents(text)[0])
    return _widths[key]
