"""Where every piece of a text stands when it flows in lines: words, emoji, the cursor, touches."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

Measure = Callable[[str], float]  # the width of a piece of text


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, blanks or one emoji. start: of its first character in the text. line: from the top."""

    text: str
    start: int
    x: float
    line: int
    width: float
    emoji: bool = False

    @property
    def end(self) -> int:
        """Behind its last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Flow:
    """A text in lines of at most a width."""

    pieces: tuple[Piece, ...]
    lines: int
    measure: Measure

    def place(self, index: int) -> tuple[float, int]:
        """Return where the cursor stands before a character: x, line."""
        for piece in self.pieces:
            if piece.start <= index < piece.end:
                return piece.x + self._width(piece, index - piece.start), piece.line
        if not self.pieces:
            return 0.0, 0
        last = self.pieces[-1]
        return last.x + last.width, last.line

    def index(self, x: float, line: int) -> int:
        """Return the character before which the cursor stands after a touch."""
        found = 0
        for piece in self.pieces:
            if piece.line > line:
                break
            if piece.line < line or piece.x + piece.width <= x:
                found = piece.end
                continue
            if piece.x <= x:
                steps = range(len(piece.text) + 1)
                return piece.start + min(steps, key=lambda n: abs(piece.x + self._width(piece, n) - x))
        return found

    def _width(self, piece: Piece, characters: int) -> float:
        if piece.emoji:
            return piece.width * (characters > 0)
        return self.measure(piece.text[:characters])


def flow(text: str, width: float, measure: Measure, emoji: Container[str], emoji_width: float) -> Flow:
    """Return a text in lines. A word that does not fit begins a line; one wider than a line is cut."""
    pieces: list[Piece] = []
    x, line = 0.0, 0
    for start, part in _parts(text, emoji):
        is_emoji = part in emoji
        wide = emoji_width if is_emoji else measure(part)
        if x and x + wide > width and not part.isspace():
            x, line = 0.0, line + 1
        at = start
        while wide > width and len(part) > 1 and not part.isspace():
            fits = max(n for n in range(1, len(part) + 1) if n == 1 or measure(part[:n]) <= width)
            if fits == len(part):
                break
            pieces.append(Piece(part[:fits], at, 0.0, line, measure(part[:fits])))
            part, at, line = part[fits:], at + fits, line + 1
            wide = measure(part)
        pieces.append(Piece(part, at, x, line, wide, is_emoji))
        x += wide
    return Flow(tuple(pieces), line + 1, measure)


def _parts(text: str, emoji: Container[str]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for place, character in enumerate(text):
        alone = character in emoji
        if (
            found
            and not alone
            and found[-1][1] not in emoji
            and found[-1][1][-1].isspace() == character.isspace()
        ):
            found[-1] = (found[-1][0], found[-1][1] + character)
        else:
            found.append((place, character))
    return found
