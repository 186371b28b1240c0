"""`quietkeys bench autocorrect`: mistakes corrected, good words left alone, beside the spellers people use.

Everybody sees the same rows. Our keyboard knows the text before the word alone, as it does at the moment of
typing; a peer that takes context gets the whole sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys import Level
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.autocorrect.scoring import figures, share, try_rows
from quietkeys_bench.autocorrect.spellers.catalogue import Peer, Texts, require_installed, started
from quietkeys_bench.autocorrect.spellers.interface import Missing, Named, Speller
from quietkeys_bench.autocorrect.spellers.quietkeys import OURS, OurSpeller
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.mistakes import Row, Sample, read_rows, sample
from quietkeys_bench.common.processes import one_core
from quietkeys_bench.common.rows import by_corpus
from quietkeys_bench.common.subject import Keyboards, bundle_identity

ROWS: Final = 400
HOW: Final = "Personalizer.suggest at every key, an empty profile, the text before the word alone"


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. peers: beside our keyboard, each of them installed."""

    files: Sequence[Path]
    rows: int = ROWS
    seed: int = 0
    peers: Sequence[Peer] = ()
    texts: Texts = field(default_factory=lambda: Texts(None))


@dataclass(frozen=True, slots=True, repr=False)
class _Corpus:
    name: str
    rows: Sequence[Row]
    chosen: Sample


def run(settings: Settings, out: Path, tell: Tell, keyboards: Keyboards | None = None) -> None:
    """Measure every engine on every file, and write the figures.

    Raises ValueError (RowsUnreadable; two files of one name), DemoFailed, QuietkeysError, OSError.
    """
    require_installed(settings.peers)
    keyboards = Keyboards() if keyboards is None else keyboards
    corpora = _corpora(settings)
    bundle, machine = keyboards.bundle(), this_machine().tree()
    engines: list[Named] = []
    missing: list[Missing] = []
    rows: list[dict[str, object]] = []
    every: list[dict[str, object]] = []
    steps = sum(len(corpus.chosen.tried()) for corpus in corpora) * (1 + len(settings.peers))
    done = 0

    def measure(speller: Speller) -> None:
        nonlocal done
        for corpus in corpora:

            def step(name: str = corpus.name) -> None:
                nonlocal done
                done += 1
                tell(done, steps, f"{speller.name}, {name}")

            score = try_rows(speller, corpus.rows, corpus.chosen, step)
            rows.append(figures(speller.name, corpus.name, score.scored))
            altered = share([outcome.case_altered for outcome in score.every])
            every.append(figures(speller.name, corpus.name, score.every) | {"case_altered": altered})

    with one_core():
        with keyboards.fresh() as keyboard:
            measure(OurSpeller(keyboard))
        engines.append(Named(OURS, f"bundle {bundle.manifest.version}", HOW))
        for peer, found in _each(settings):
            if isinstance(found, Missing):
                missing.append(found)
                continue
            measure(found)
            engines.append(peer.named())
    tree = {
        "bench": "autocorrect",
        "mode": "clear",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "level": Level.NORMAL.value,
        "seed": settings.seed,
        "rows_limit": settings.rows,
        "machine": machine,
        "timed_on_cores": 1,
        "engines": [engine.tree() for engine in engines],
        "missing_peers": [peer.tree() for peer in missing],
        "corpora": [_described(corpus) for corpus in corpora],
        "rows": rows,
        "all_rows": every,
    }
    write_figures(out, "autocorrect", tree)


def _each(settings: Settings) -> Iterator[tuple[Peer, Speller | Missing]]:
    for peer in settings.peers:
        with started(peer, settings.texts) as found:
            yield peer, found


def _corpora(settings: Settings) -> list[_Corpus]:
    return [
        _Corpus(name, rows, sample(rows, settings.rows, settings.seed))
        for name, rows in by_corpus(settings.files, read_rows).items()
    ]


def _described(corpus: _Corpus) -> dict[str, object]:
    return {
        "corpus": corpus.name,
        "rows": len(corpus.rows),
        "empty": sum(not row.is_tried for row in corpus.rows),
        "scored": sum(row.is_scored for row in corpus.rows),
        "with_context": sum(bool((row.before + row.after).strip()) for row in corpus.rows),
    }
