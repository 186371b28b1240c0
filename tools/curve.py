"""Prints the curve of own words kept against mistakes put right, over levels: `literal_odds` move it.

    python tools/curve.py DATA_DIR [--misspellings FILE...] [--people DIR] [--bundle FOLDER] [--json FILE]

DATA_DIR holds `text/`. Mistakes are words of its held-out lines with slips and misspellings added, and those
that lists have, in the place of the word that was meant where a held-out line has it. Own words are rare
words and names of held-out lines, judged as if the lexicon lacked them, and words of people that it does lack
and that no list knows. All are typed by nobody known. Of lists the half is taken that is reported.

Every curve is printed twice: as the bundle judges, and with one level for all unknown words, LEVEL nats, as
it was up to version 3. Only what no lexicon has is on it, and what is left alone by rule is not left out.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys.bundle.bundle import open_bundle, shipped_bundle
from quietkeys.evaluation.messages import read_messages, typed_words
from quietkeys.prediction.events import FIRST_UNKNOWN
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.levels import CERTAINTY, Level
from quietkeys.prediction.model import load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys_bench.common.misspellings import Half, Misspellings, read_misspellings
from quietkeys_protocol.errors import QuietkeysError
from tools.model_build import noised, strangers
from tools.model_build.corpora import TrainingTextError
from tools.model_build.noised import Sample

COUNT: Final = 6_000  # words of held-out lines with mistakes added; a third as many own words
EACH: Final = 400  # own words of one person at most, each word once
SEED: Final = 2  # another draw than the odds were fitted to
LEVEL: Final = -1.115  # nats; of all unknown words alike in version 3
KEPT: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # shares of own words at which curves are compared

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """An unknown literal beside the likeliest other candidate.

    gap: by how much that is likelier, nats. odds: what of it the literal's kind adds to the literal. right:
    whether it is what was meant.
    """

    gap: float
    odds: float
    right: bool


@dataclass(frozen=True, slots=True)
class Point:
    """What a certainty keeps of own words, and puts right of mistakes, as shares of them."""

    certainty: float
    kept: float
    fixed: float


def literals(predictor: Predictor, judged: Iterable[tuple[Judged, str]]) -> list[Literal]:
    """Return the unknown literals of judgements, each with what was meant."""
    found = []
    for one, meant in judged:
        if one.literal_event < FIRST_UNKNOWN:
            continue
        literal, scores = one.slate.literal, np.log(one.probability + 1e-300)
        others = scores.copy()
        others[literal] = -np.inf
        best = int(others.argmax())
        gap = float(scores[best] - scores[literal]) if best != literal else -math.inf
        odds = float(predictor.events.literal_odds[one.literal_event])
        found.append(Literal(gap, odds, one.slate.words[best] == meant))
    return found


def points(own: Sequence[Literal], mistakes: Sequence[Literal], level: float | None) -> list[Point]:
    """Return the curve over the certainties of the levels; level: of all unknown words, None as they are."""
    kept, fixed = _gaps(own, level), _gaps(mistakes, level)
    right = np.array([one.right for one in mistakes])
    found = []
    for certainty in sorted({CERTAINTY[one] for one in Level if one is not Level.OFF} | {0.7, 0.85, 0.99}):
        least = math.log(certainty / (1.0 - certainty))
        share = float((right & (fixed >= least)).mean())
        found.append(Point(certainty, float((kept < least).mean()), share))
    return found


def fixed_at(own: Sequence[Literal], mistakes: Sequence[Literal], level: float | None, kept: float) -> float:
    """Return the share of mistakes put right where this share of own words is kept."""
    least = float(np.quantile(_gaps(own, level), kept))
    right = np.array([one.right for one in mistakes])
    return float((right & (_gaps(mistakes, level) >= least)).mean())


def _gaps(found: Sequence[Literal], level: float | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([one.gap if level is None else one.gap + one.odds - level for one in found])


def judged_samples(predictor: Predictor, drawn: Iterable[Sample]) -> list[tuple[Judged, str]]:
    """Return what a keyboard that knows nobody makes of mistakes, with what was meant."""
    every = noised.judgements(predictor, drawn)
    return [(judged, one.word) for one, judged in every if one.typed != one.word]


def own_of_people(predictor: Predictor, folder: Path, lists: Misspellings) -> list[tuple[Judged, str]]:
    """Return the words of people that the lexicon lacks and no list knows, once a person, as they are."""
    nobody = predictor.scorer.no_adapter()
    found = []
    for path in sorted(folder.iterdir()):
        seen: dict[str, Judged] = {}
        for word in typed_words(read_messages(path)):
            for piece in word.pieces:
                known = piece.text in predictor.model.search.lexicon.index or piece.text in lists.corrections
                if not piece.correctable or known or piece.text in seen or len(seen) >= EACH:
                    continue
                judged = predictor.judge(piece.context, piece.text, nobody)
                if judged is not None:
                    seen[piece.text] = judged
        found += [(judged, text) for text, judged in seen.items()]
    return found


@app.command()
def main(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder with text/")],
    misspellings: Annotated[
        list[Path] | None, typer.Option(exists=True, help="a list of mistakes, reported by its half")
    ] = None,
    people: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="folder of people's messages")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="folder of a signed bundle; the shipped one if not given")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="words that mistakes are added to, about")] = COUNT,
    json_file: Annotated[Path | None, typer.Option("--json", help="where figures are written")] = None,
) -> None:
    """Print the curves: some minutes on one core."""
    text = data / "text"
    try:
        model = load_model(shipped_bundle() if bundle is None else open_bundle(bundle))
        predictor = Predictor(model)
        lists = read_misspellings(misspellings or [], Half.REPORT)
        added = noised.samples(text, model.search.channel.shipped, count, SEED)
        mistakes = {"text": literals(predictor, judged_samples(predictor, added))}
        pairs = [(typo, meant) for meant, typos in lists.typos.items() for typo in typos]
        if pairs:
            listed = noised.learnt_samples(text, pairs, SEED)
            mistakes["lists"] = literals(predictor, judged_samples(predictor, listed))
        hidden = strangers.hidden(predictor, text, count // 3, SEED)
        own = {"text": literals(predictor, hidden)}
        if people is not None:
            own["people"] = literals(predictor, own_of_people(predictor, people, lists))
    except (QuietkeysError, TrainingTextError, OSError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    report = curves(own, mistakes)
    for title, rows in report.items():
        Console().print(table_of(title, rows))
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def curves(
    own: dict[str, list[Literal]], mistakes: dict[str, list[Literal]]
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Return both curves of every kind of mistakes beside every kind of own words, by what they are of."""
    found = {}
    for kept, words in own.items():
        for fixed, wrong in mistakes.items():
            title = f"own words of {kept}: {len(words):,}; mistakes of {fixed}: {len(wrong):,}"
            found[title] = {
                name: [
                    *(asdict(point) for point in points(words, wrong, level)),
                    *({"kept": share, "fixed": fixed_at(words, wrong, level, share)} for share in KEPT),
                ]
                for name, level in (("one level", LEVEL), ("by kind", None))
            }
    return found


def table_of(title: str, rows: dict[str, list[dict[str, float]]]) -> Table:
    """Return both curves as a table, first over certainties, then at equal shares of own words."""
    table = Table(title=title)
    for heading in ("certainty", "own kept", "fixed, one level", "own kept", "fixed, by kind"):
        table.add_column(heading, justify="right")
    for one, kind in zip(rows["one level"], rows["by kind"], strict=True):
        certainty = f"{one['certainty']:.2f}" if "certainty" in one else "any"
        shares = (f"{value:.1%}" for row in (one, kind) for value in (row["kept"], row["fixed"]))
        table.add_row(certainty, *shares)
    return table


if __name__ == "__main__":
    app()
