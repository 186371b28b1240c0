"""JamSpell as a peer: trained by its own trainer on a folder of texts, asked with the whole sentence.

Its trigram model needs text of ours to be compared on equal terms; training takes minutes, so the model is
kept under a name that depends on the texts.
"""

from __future__ import annotations

import gzip
import hashlib
import locale
import os
import re
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from quietkeys_bench.autocorrect.spellers.interface import STRIP, Answer, PeerBroken
from quietkeys_bench.common.texts import training_texts

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz'"
LOCALE: Final = "en_US.UTF-8"  # asked for by name, in two spellings; without it JamSpell ends the process
_NORMALIZED: Final = "en_US.utf8"  # the folder that glibc looks for under either spelling
_STAND_INS: Final = ("C.utf8", "C.UTF-8")
_LOCALES: Final = Path("/usr/lib/locale")
_WORD: Final = re.compile(r"[a-z']+")
_SENTENCE_END: Final = re.compile(r"[.?!]")


class JamSpell:
    """What JamSpell makes of the whole sentence; candidates for the strip, its own choice in place."""

    name = "JamSpell"

    def __init__(self, model: Path) -> None:
        """Raise PeerBroken if the model cannot be loaded."""
        self._speller: Any = _package().TSpellCorrector()
        if not self._speller.LoadLangModel(str(model)):
            raise PeerBroken("JamSpell cannot load the model that it trained")

    def approach(self, before: str, typed: str) -> None:
        """Do nothing: it keeps nothing from one call to the next."""

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return what stands in the word's place in the corrected sentence, and its candidates."""
        text = in_place(self._speller.FixFragment(before + typed + after), before, typed, after)
        words, place = words_around(before, typed, after)
        candidates = self._speller.GetCandidates(words, place) if place < len(words) else ()
        return Answer(text, tuple(dict.fromkeys([text, *candidates]))[:STRIP])


def in_place(fixed: str, before: str, typed: str, after: str) -> str:
    """Return what stands in the place of `typed` in a corrected text with as many tokens, else `typed`."""
    tokens = fixed.split()
    if len(tokens) != len((before + typed + after).split()):
        return typed
    head = before[len(before.rstrip()) :] or not before
    glued = "" if head else before.split()[-1]
    first = len(before.split()) - bool(glued)
    text = " ".join(tokens[first : first + len(typed.split())])
    tail = "" if not after or after[0].isspace() else after.split()[0]
    end = len(text) - len(tail) if tail and text.endswith(tail) else len(text)
    return text[len(glued) if text.startswith(glued) else 0 : end]


def words_around(before: str, typed: str, after: str) -> tuple[list[str], int]:
    """Return the words of the sentence as JamSpell splits it, and the typed one's place (past them: none)."""
    word = typed.lower()
    if not _WORD.fullmatch(word):
        return [], 0
    left = _WORD.findall(_SENTENCE_END.split(before.lower())[-1])
    right = _WORD.findall(_SENTENCE_END.split(after.lower())[0])
    return [*left, word, *right], len(left)


def trained_model(texts: Path, cache: Path) -> Path:
    """Train the model for a folder of texts the first time; return its file. Raises OSError, PeerBroken."""
    try:
        paths = training_texts(texts)
    except ValueError as error:
        raise PeerBroken(str(error)) from error
    digest = hashlib.sha256(ALPHABET.encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    folder = cache / f"jamspell-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        _train(paths, folder)
    return folder / "model.bin"


def _train(paths: Sequence[Path], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as name:
        draft = Path(name)
        alphabet, text, result = draft / "alphabet.txt", draft / "text.txt", draft / "result"
        alphabet.write_text(ALPHABET + "\n", encoding="utf-8")
        with text.open("wb") as stream:
            for path in paths:
                content = path.read_bytes()
                stream.write(gzip.decompress(content) if path.suffix == ".gz" else content)
        result.mkdir()
        if (
            not _package()
            .TSpellCorrector()
            .TrainLangModel(str(text), str(alphabet), str(result / "model.bin"))
        ):
            raise PeerBroken("JamSpell could not be trained")
        result.replace(folder)


def _package() -> Any:
    # The module, after making sure that its locale exists: a copy of the C locale lowers letters as well.
    try:
        locale.setlocale(locale.LC_CTYPE, LOCALE)
    except locale.Error:
        _stand_in()
    return import_module("jamspell")


def _stand_in() -> None:
    found = next((_LOCALES / name for name in _STAND_INS if (_LOCALES / name).is_dir()), None)
    if found is None:
        raise PeerBroken(f"JamSpell needs the locale {LOCALE}")
    folder = Path.home() / ".cache" / "quietkeys" / "locale"
    if not (folder / _NORMALIZED).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(found, folder / _NORMALIZED)
    os.environ["LOCPATH"] = str(folder)
    try:
        locale.setlocale(locale.LC_CTYPE, LOCALE)
    except locale.Error as error:
        raise PeerBroken(f"JamSpell needs the locale {LOCALE}") from error
