"""`quietkeys bench personalization`: what every rung of the ladder is worth to real people.

Each person types with simulated hands; the first 70 % of the words are learnt, the rest tested. Every cell
(person, seed, rate, mode) leaves a JSON in a folder beside the output, and so does every study of a person,
so that a run which was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Protocol

from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.rounds import Train
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Half, Misspellings
from quietkeys_bench.common.subject import LoadSubject, Mode, Subject
from quietkeys_bench.common.texts import Person
from quietkeys_bench.personalization.one_person import Cell
from quietkeys_bench.personalization.pool import pool
from quietkeys_bench.personalization.probe import NO_PROBE, Probe
from quietkeys_bench.personalization.study import POINTS, Study, StudyCell
from quietkeys_bench.personalization.study_pool import pool_studies

RATES: Final = (0.08,)
SEEDS: Final = (0, 1, 2)
HEADLINE: Final = 0.08  # the rate whose figures stand at the top level, where it was measured


class Measurable(Protocol):
    """What is measured of one person by itself, and leaves a JSON."""

    @property
    def person(self) -> Person:
        """Of whom."""

    def figures(self, folder: Path, subject: str) -> Figures:
        """Return figures that an earlier run has left, or nothing."""

    def measure(self, subject: Subject, folder: Path, train: Train | None = None) -> None:
        """Measure it, and write its figures."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words_limit: of every person's words, around the split; 0 for all.

    half: of the lists that `misspellings` and `probe` were read from. studies: beside the ladder, at one
    rate. points: of the study `curve`. The others are those of a `Cell`.
    """

    people: Sequence[Person]
    rates: Sequence[float] = RATES
    seeds: Sequence[int] = SEEDS
    mode: Mode = Mode.CLEAR
    words_limit: int = 0
    misspellings: Misspellings = NOTHING
    half: Half = Half.ALL
    frozen: bool = False
    rounds: int = 1
    yardsticks: bool = True
    probe: Probe = NO_PROBE
    studies: Sequence[Study] = ()
    points: tuple[int, ...] = POINTS

    @property
    def headline(self) -> float:
        """The rate of the figures at the top level, and of studies."""
        return HEADLINE if HEADLINE in self.rates else self.rates[0]

    def study_cells(self) -> list[StudyCell]:
        """Return every study of every person and seed, people outermost."""
        return [
            StudyCell(study, cell, self.points, self._other(cell.person))
            for cell in self.cells()
            if cell.rate == self.headline
            for study in self.studies
        ]

    def _other(self, person: Person) -> Person | None:
        # The next in turn, rather of another kind.
        place = self.people.index(person)
        in_turn = [*self.people[place + 1 :], *self.people[:place]]
        return next((one for one in in_turn if one.kind != person.kind), next(iter(in_turn), None))

    def cells(self) -> list[Cell]:
        """Return every cell, people outermost."""
        return [
            Cell(
                person,
                seed,
                rate,
                self.mode,
                self.words_limit,
                self.misspellings,
                self.frozen,
                self.rounds,
                self.yardsticks,
                self.probe,
            )
            for person in self.people
            for rate in self.rates
            for seed in self.seeds
        ]


def run(
    settings: Settings,
    out: Path,
    load: LoadSubject,
    tell: Tell,
    jobs: int = 1,
    train: Train | None = None,
) -> None:
    """Measure every cell that is missing, pool all of them, and write the output.

    load: a module's function, called in every process. train: makes the `encrypted` rung; needs jobs = 1.
    """
    subject, folder = _loaded(load), cells_folder(out)
    cells, study_cells = settings.cells(), settings.study_cells()
    wanted: list[Measurable] = [*cells, *study_cells]
    missing = [one for one in wanted if not one.figures(folder, subject.identity)]
    done = len(wanted) - len(missing)
    for one in _measured(missing, folder, load, jobs, train):
        done += 1
        tell(done, len(wanted), one.person.name)
    figures = [cell.figures(folder, subject.identity) for cell in cells]
    of_rate = [cell for cell in figures if cell["rate"] == settings.headline]
    studied = [cell.figures(folder, subject.identity) for cell in study_cells]
    result = {
        "bench": "personalization",
        "mode": settings.mode.value,
        "p_error": subject.model.plan.p_error,
        "subject": subject.identity,
        "seeds": list(settings.seeds),
        "rates": list(settings.rates),
        "words_limit": settings.words_limit,
        "misspellings": settings.misspellings.identity,
        "half": settings.half.value,
        "frozen": settings.frozen,
        "rounds_limit": settings.rounds,
        "probed": settings.probe.identity,
        "machine": this_machine().tree(),
        **pool(figures, settings.rates, settings.headline),
        **({"studies": pool_studies(studied, of_rate)} if studied else {}),
    }
    write_figures(out, "personalization", result)


def _measured(
    wanted: Sequence[Measurable], folder: Path, load: LoadSubject, jobs: int, train: Train | None
) -> Iterator[Measurable]:
    if jobs == 1 or train is not None:
        for one in wanted:
            one.measure(_loaded(load), folder, train)
            yield one
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool_of_processes:
        waiting = {pool_of_processes.submit(_measure_apart, load, one, folder): one for one in wanted}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        finally:
            pool_of_processes.shutdown(wait=True, cancel_futures=True)


def _measure_apart(load: LoadSubject, one: Measurable, folder: Path) -> None:
    one.measure(_loaded(load), folder)


@lru_cache(maxsize=1)
def _loaded(load: LoadSubject) -> Subject:
    # Once per process: a model takes longer to load than a word to type.
    return load()
