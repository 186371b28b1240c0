"""Messages rewritten as people text them: "see you tomorrow" -> "c u tmr".

The training texts hold little of it, and people who text so are the ones a keyboard must not fight. The
forms are common English texting shorthand; each message takes some of them, with a strength of its own, so
that the network learns to tell from a message's start how it will go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from numpy.random import Generator

FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "you": ("u",), "your": ("ur",), "you're": ("ur", "youre"), "are": ("r",), "why": ("y",), "see": ("c",),
    "be": ("b",), "and": ("n",), "okay": ("ok", "k"), "ok": ("k",), "please": ("pls", "plz"),
    "yes": ("ya", "yep", "yup", "yeah"),
    "thanks": ("thx", "thanx"), "tomorrow": ("tmr", "tmrw", "tom"), "tonight": ("tonite",),
    "because": ("cos", "coz", "cuz", "bc"), "with": ("w", "wit"), "that": ("dat",), "the": ("da", "d"),
    "this": ("dis",), "have": ("hv", "hav"), "message": ("msg",), "text": ("txt",), "people": ("ppl",),
    "really": ("rly",), "probably": ("prob", "prolly"), "about": ("abt",), "what": ("wat", "wot"),
    "when": ("wen",), "love": ("luv",), "know": ("kno",), "minutes": ("mins",), "week": ("wk",),
    "weekend": ("wkend",), "good": ("gd",), "back": ("bk", "bak"), "just": ("jus",),
    "should": ("shld", "shud"),
    "would": ("wld",), "could": ("cld", "cud"), "from": ("frm",), "right": ("rite",), "night": ("nite",),
    "birthday": ("bday",), "something": ("sth", "smth"), "anyway": ("anyways",), "though": ("tho",),
    "going": ("goin",), "thing": ("thg",), "think": ("thk",), "very": ("v",), "work": ("wrk",),
    "today": ("tdy",),
    "number": ("no", "num"), "pictures": ("pics",), "picture": ("pic",), "before": ("bfore",),
    "never": ("nvr",),
    "sorry": ("sry", "sori"), "call": ("col",), "meeting": ("mtg",), "hours": ("hrs",), "hour": ("hr",),
    "great": ("grt",), "hello": ("hi", "hey"), "haven't": ("havent", "hvnt"), "project": ("proj",),
}  # fmt: skip
OPENINGS: Final = ("haha", "lol", "hey", "ok", "oh", "ya", "hahaha", "hmm", "hi")
OPENING_CHANCE: Final = 0.15
PLAIN: Final = ("the", "a", "to", "is", "am", "are")  # what terse messages leave out

Line = Sequence[Sequence[str]]


def texted(line: Line, rng: Generator) -> list[list[str]]:
    """Return the sentences of a message as a hasty person would text them."""
    strength = float(rng.uniform(0.2, 1.0))
    terse = float(rng.uniform(-0.3, 0.4))
    bare = bool(rng.random() < 0.5)  # no apostrophes
    chosen: dict[str, str] = {}
    result: list[list[str]] = []
    for sentence in line:
        words: list[str] = [str(rng.choice(OPENINGS))] if rng.random() < OPENING_CHANCE else []
        for word in sentence:
            if word in PLAIN and rng.random() < terse:
                continue
            if word not in chosen:
                forms = FORMS.get(word, ())
                takes = bool(forms) and bool(rng.random() < strength)
                chosen[word] = forms[int(rng.integers(len(forms)))] if takes else word
            form = chosen[word]
            words.append(form.replace("'", "") if bare else form)
        if words:
            result.append(words)
    return result
