"""One visual language: colours by role, in light and dark. Without Kivy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

Colour = tuple[float, float, float, float]

WIDE: Final = 840  # dp of window width from which on it is a desktop


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as hex. text and muted stand on page, surface and key; on_* on what is named."""

    page: str
    surface: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    soft: str  # behind what is chosen or selected
    on_soft: str
    good: str
    bad: str
    on_bad: str
    board: str  # behind the keys
    key: str
    side_key: str
    pressed: str

    def colour(self, role: str) -> Colour:
        """Return a role's colour as four shares."""
        return rgba(getattr(self, role))


LIGHT: Final = Theme(
    page="#F4F6FA",
    surface="#FFFFFF",
    line="#D9DFE8",
    text="#151A22",
    muted="#566173",
    accent="#2457C5",
    on_accent="#FFFFFF",
    soft="#DEE8FC",
    on_soft="#173B8A",
    good="#17703F",
    bad="#B3261E",
    on_bad="#FFFFFF",
    board="#E4E9F1",
    key="#FFFFFF",
    side_key="#CDD5E1",
    pressed="#B7C9F2",
)
DARK: Final = Theme(
    page="#0F1217",
    surface="#1A1F27",
    line="#2E3643",
    text="#EDF1F7",
    muted="#A7B1C0",
    accent="#8FB4FF",
    on_accent="#0B1B3D",
    soft="#24365C",
    on_soft="#CFE0FF",
    good="#6FD39B",
    bad="#FF9B90",
    on_bad="#3B0905",
    board="#14181F",
    key="#2C3440",
    side_key="#20262F",
    pressed="#3F5C99",
)
# What is drawn on what; the contrast of each pair is at least READABLE.
PAIRS: Final = (
    ("text", "page"),
    ("text", "surface"),
    ("text", "soft"),
    ("text", "key"),
    ("text", "side_key"),
    ("text", "board"),
    ("muted", "page"),
    ("muted", "surface"),
    ("muted", "board"),
    ("accent", "surface"),
    ("accent", "page"),
    ("on_accent", "accent"),
    ("on_soft", "soft"),
    ("good", "surface"),
    ("bad", "surface"),
    ("on_bad", "bad"),
)
READABLE: Final = 4.5  # WCAG 2.2 AA for text


def rgba(colour: str) -> Colour:
    """Return a colour given as #RRGGBB."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return (red, green, blue, 1.0)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2.2: 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def roles() -> list[str]:
    """Return the names of the colours."""
    return [one.name for one in fields(Theme)]


def _luminance(colour: str) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgba(colour)[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
