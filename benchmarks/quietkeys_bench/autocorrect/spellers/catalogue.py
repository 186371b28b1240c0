"""The peers of `quietkeys bench autocorrect`: which there are, what they need, and how each is asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.autocorrect.spellers.interface import Missing, Named, PeerBroken, Speller
from quietkeys_bench.autocorrect.spellers.jamspell import JamSpell, trained_model
from quietkeys_bench.autocorrect.spellers.word_alone import (
    Autocorrect,
    PySpellChecker,
    SymSpell,
    pipe_speller,
)

CACHE: Final = Path.home() / ".cache" / "quietkeys"
NO_TEXT: Final = "it needs a model of its own: give --text, the folder of texts to train it on"


@dataclass(frozen=True, slots=True)
class Texts:
    """What JamSpell is trained on (None: nothing), and where its model is kept."""

    folder: Path | None
    cache: Path = CACHE


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer. module, program: what must be there, one of them is "". install: how to get it."""

    name: str
    module: str
    program: str
    install: str
    how: str
    start: Callable[[Texts], AbstractContextManager[Speller]]

    def is_installed(self) -> bool:
        """Return whether the peer can be started."""
        return find_spec(self.module) is not None if self.module else shutil.which(self.program) is not None

    def named(self) -> Named:
        """Return the peer with the version that is installed."""
        return Named(
            self.name, _package_version(self.name) if self.module else _banner(self.program), self.how
        )


def _plain(make: Callable[[], Speller]) -> Callable[[Texts], AbstractContextManager[Speller]]:
    return lambda texts: nullcontext(make())


@contextmanager
def _jamspell(texts: Texts) -> Iterator[Speller]:
    if texts.folder is None:
        raise PeerBroken(NO_TEXT)
    yield JamSpell(trained_model(texts.folder, texts.cache))


def _pipe(name: str) -> Callable[[Texts], AbstractContextManager[Speller]]:
    return lambda texts: pipe_speller(name)


_PIP: Final = partial("pip install {0}".format)
PEERS: Final = (
    Peer(
        "symspellpy",
        "symspellpy",
        "",
        _PIP("symspellpy"),
        "lookup within 2 edits, all of them, its own dictionary, lower case, the word alone",
        _plain(SymSpell),
    ),
    Peer(
        "pyspellchecker",
        "spellchecker",
        "",
        _PIP("pyspellchecker"),
        "candidates within 2 edits by frequency, lower case, the word alone",
        _plain(PySpellChecker),
    ),
    Peer(
        "autocorrect",
        "autocorrect",
        "",
        _PIP("autocorrect"),
        "its choice, then its candidates by frequency, lower case, the word alone",
        _plain(Autocorrect),
    ),
    Peer(
        "aspell",
        "",
        "aspell",
        "apt install aspell aspell-en",
        "a pipe, en_US, --sug-mode=normal, the word alone, suggestions for unknown words only",
        _pipe("aspell"),
    ),
    Peer(
        "hunspell",
        "",
        "hunspell",
        "apt install hunspell hunspell-en-us",
        "a pipe, en_US, the word alone, suggestions for unknown words only",
        _pipe("hunspell"),
    ),
    Peer(
        "JamSpell",
        "jamspell",
        "",
        "pip install jamspell, with SWIG as benchmarks/README.md says",
        "FixFragment on the whole context, GetCandidates for the strip, trained by its trainer on --text",
        _jamspell,
    ),
)


def require_installed(peers: Sequence[Peer] = PEERS) -> None:
    """Raise DemoFailed if a peer is not installed, naming what to install."""
    absent = [peer for peer in peers if not peer.is_installed()]
    if absent:
        names, ways = (", ".join(p.name for p in absent)), "; ".join(peer.install for peer in absent)
        raise DemoFailed(f"Peers are not installed: {names}.", f"{ways}. Without --peers none is needed.")


@contextmanager
def started(peer: Peer, texts: Texts) -> Iterator[Speller | Missing]:
    """Yield a peer's speller, or why there is none. Raises OSError if the texts cannot be read."""
    try:
        opened = peer.start(texts)
        speller = opened.__enter__()
    except PeerBroken as error:
        yield Missing(peer.name, str(error))
        return
    try:
        yield speller
    finally:
        opened.__exit__(None, None, None)


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _banner(program: str) -> str:
    # "@(#) International Ispell ... (but really Aspell 0.60.8)"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0].rpartition("really ")[2].strip(" )") or "unknown"
