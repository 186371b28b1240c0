"""Text without what identifies people or machines, as sentences of words.

Removed: URLs, e-mail addresses, file paths, @names, #tags, numbers, mark-up, and the nicknames of
chat rooms; a blank is left. What remains is split by the SDK's own definition of a word
(`quietkeys.text.tokens`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from quietkeys.text.tokens import ends_sentence, is_correctable, normalize, pieces

_ADDRESS = re.compile(
    r"""(?ix)
      \b(?:https?|ftp|irc|file|git|ssh|apt)://\S+      # URL with a scheme
    | \bwww\.\S+                                       # URL without
    | \S+@\S+                                          # e-mail, user@host
    | (?<!\w)[@\#]\w[\w.-]*                            # @name, #tag, #channel
    | (?<!\w)(?:~|\.{1,2})?/[\w.+~-]+(?:/[\w.+~*-]*)*  # file path
    | \b\w:\\\S+                                       # file path with a drive
    | \b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|de|uk|txt|conf|deb|gz|iso|exe|html?|php|sh)\b(?:/\S*)?
    | <[^<>\s]{1,20}>                                  # mark-up, <unk>
    """
)
_STAGE_DIRECTION = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\*[^*]{0,60}\*")
_JOINT = re.compile(r"(?<=\w)(?:-{2,}|\.{2,}|[—–…/,;:!?()\[\]\"|=+]+)(?=[\w'\"])")
_SENTENCE_JOINT = re.compile(r"(?<=[a-z]{2})([.!?])(?=[A-Z])")
_SPEAKS = re.compile(r"[^\W_]")
_DIGIT = re.compile(r"\d")
_ADDRESSEE = re.compile(r"^\s*([^\s:,;<>]{2,20})\s?(?:->|[:,;>])+(?:\s|$)")

BLANK = "#"  # stands for what is no word; no word contains it
_BLANKED = f" {BLANK} "

ORDINARY_ELSEWHERE = 3  # occurrences in lower case outside chat that make a name an ordinary word
ORDINARY_RATIO = 4.0  # uses as a word per use as addressee that make it one within chat
OPENING_SHARE = 0.7  # of its uses opening a line that more follows on: then it addresses somebody
OPENING_MINIMUM = 3  # uses from which that share says anything


def clean(line: str) -> str:
    """Return a line without addresses, paths, names with marks, numbers and stage directions."""
    line = _STAGE_DIRECTION.sub(" ", line)
    line = _ADDRESS.sub(_BLANKED, line)
    line = _SENTENCE_JOINT.sub(r"\1 ", line)
    return _JOINT.sub(" ", line)


def sentences(line: str, nicknames: frozenset[str] = frozenset()) -> list[list[str]]:
    """Return the sentences of a line as lists of words, pieces of words (`tokens.pieces`) and BLANK.

    A number, an address or a nickname is a BLANK: it is not learnt, and something stood there.
    """
    result: list[list[str]] = []
    current: list[str] = []
    for token in clean(line).split():
        current += _parts(token, nicknames)
        if current and ends_sentence(token):
            result.append(current)
            current = []
    if current:
        result.append(current)
    return [sentence for sentence in result if set(sentence) != {BLANK}]


def _parts(token: str, nicknames: frozenset[str]) -> list[str]:
    if token == BLANK or _DIGIT.search(token):
        return [BLANK]
    word = normalize(token)
    if not word:
        return []
    if word in nicknames:
        return [BLANK]
    return [part if is_correctable(part) else BLANK for part in pieces(word) if _SPEAKS.search(part)]


def addressee(line: str) -> str:
    """Return the normalized name a chat line is addressed to ("name: text"), or ""."""
    match = _ADDRESSEE.match(line)
    return _nickname(match.group(1)) if match else ""


def _nickname(token: str) -> str:
    return normalize(token) or token.lower()


def without_addressee(line: str, nicknames: frozenset[str]) -> str:
    """Return a chat line without its "name: " prefix, if that name is a nickname."""
    match = _ADDRESSEE.match(line)
    if match and _nickname(match.group(1)) in nicknames:
        return line[match.end() :]
    return line


def word_uses(lines: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Return how often each word occurs with a small first letter, and how often at all."""
    small: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for line in lines:
        for token in line.split():
            word = normalize(token)
            every[word] += 1
            if token[0].islower():
                small[word] += 1
    return small, every


def collect_nicknames(chat: Iterable[str], elsewhere: Iterable[str]) -> frozenset[str]:
    """Return the names that chat lines are addressed to and that are not ordinary words.

    chat, elsewhere: raw lines. A name stays a word if other text has it in small letters, or if chat
    uses it far more often within a line than as addressee. Names that address without punctuation are
    known by nearly always opening a line, and by being in no other text.
    """
    ordinary, known = word_uses(elsewhere)
    called: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for line in chat:
        name = addressee(line)
        if name:
            called[name] += 1
        tokens = line.split()
        for token in tokens:
            used[normalize(token)] += 1
        if len(tokens) > 1 and not ends_sentence(tokens[0]):
            opened[normalize(tokens[0])] += 1
    by_mark = {name for name, calls in called.items() if used[name] - calls < ORDINARY_RATIO * calls}
    by_place = {
        name
        for name, openings in opened.items()
        if used[name] >= OPENING_MINIMUM
        and openings >= OPENING_SHARE * used[name]
        and known[name] < ORDINARY_ELSEWHERE
    }
    return frozenset(name for name in by_mark | by_place if ordinary[name] < ORDINARY_ELSEWHERE)
