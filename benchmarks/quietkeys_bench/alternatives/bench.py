"""`quietkeys bench alternatives`: what each way to learn gains, costs and gives away, on the same people.

Everybody's device learns first, since some ways need all of them; then each way that is not yet measured
sends and combines; then everybody types what was kept back, once for all ways. Every cell (person, way)
leaves a JSON beside the output, so that a run which was stopped goes on: with the cells that are missing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.bundle.bundle import Bundle
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.alternatives.device import Device
from quietkeys_bench.alternatives.exchange import Made
from quietkeys_bench.alternatives.halves import measured
from quietkeys_bench.alternatives.libraries import Libraries
from quietkeys_bench.alternatives.makers import MAKERS, Given
from quietkeys_bench.alternatives.outcomes import tested
from quietkeys_bench.alternatives.summary import summary
from quietkeys_bench.alternatives.training import training
from quietkeys_bench.alternatives.ways import CIRCLE, CONCRETE_ML, OURS, SPLIT, WAYS, Way
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_figures, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Half, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person

RATE: Final = 0.08  # of letters typed wrong, as in the other benches


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words_limit: of every person's words, around the split; 0 for all.

    executed: of how many people the rows of quietkeys are trained under real keys, the first ones; with
    modelled noise of the others. dense: of how many people Concrete ML's row is measured.
    """

    people: Sequence[Person]
    seed: int = 0
    words_limit: int = 0
    misspellings: Misspellings = NOTHING
    half: Half = Half.ALL
    executed: int = 0
    dense: int = 0

    @property
    def hand(self) -> Hand:
        """How they type."""
        return Hand(self.seed, RATE, self.misspellings)

    @property
    def crowd(self) -> str:
        """A hash of who takes part, since what one person gets depends on all of them."""
        return hashlib.sha256(" ".join(person.name for person in self.people).encode()).hexdigest()

    def identity(self, person: Person, way: Way, subject: str) -> dict[str, object]:
        """Return what must agree for figures to be of this cell."""
        return {
            "person": person.name,
            "way": way.name,
            "subject": subject,
            "seed": self.seed,
            "rate": RATE,
            "words_limit": self.words_limit,
            "misspellings": self.misspellings.identity,
            "crowd": self.crowd,
            "executed": self.executed if way in (OURS, CIRCLE) else 0,
        }

    def ways(self, place: int) -> list[Way]:
        """Return the ways that are measured of the person at a place."""
        return [way for way in WAYS if way is not CONCRETE_ML or place < self.dense]


def run(
    settings: Settings, out: Path, subject: Subject, bundle: Bundle, libraries: Libraries, tell: Tell
) -> None:
    """Measure what is missing; write the figures of all. Raises OSError, ValueError, QuietkeysError."""
    folder = cells_folder(out)
    missing = {
        place: [way for way in settings.ways(place) if not _kept(settings, folder, person, way, subject)]
        for place, person in enumerate(settings.people)
    }
    if any(missing.values()):
        _measure(settings, subject, bundle, libraries, folder, missing, tell)
    cells = [
        _kept(settings, folder, person, way, subject)
        for place, person in enumerate(settings.people)
        for way in settings.ways(place)
    ]
    figures = {
        "bench": "alternatives",
        "mode": (Mode.EXECUTE if settings.executed >= len(settings.people) else Mode.SIMULATE).value,
        "executed": settings.executed,
        "p_error": subject.model.plan.p_error,
        "subject": subject.identity,
        "seeds": [settings.seed],
        "rate": RATE,
        "words_limit": settings.words_limit,
        "misspellings": settings.misspellings.identity,
        "half": settings.half.value,
        "machine": this_machine().tree(),
        **summary(cells),
    }
    write_figures(out, "alternatives", figures)


def _path(folder: Path, person: Person, way: Way) -> Path:
    return folder / f"{person.name}-{way.name}.json"


def _kept(settings: Settings, folder: Path, person: Person, way: Way, subject: Subject) -> Figures:
    identity = settings.identity(person, way, subject.identity)
    return kept_figures(_path(folder, person, way), "alternative", identity)


def _measure(
    settings: Settings,
    subject: Subject,
    bundle: Bundle,
    libraries: Libraries,
    folder: Path,
    missing: Mapping[int, Sequence[Way]],
    tell: Tell,
) -> None:
    steps, done = 2 * len(settings.people) + len(WAYS), 0
    devices: list[Device] = []
    for person in settings.people:
        tell(done, steps, f"{person.name} learns")
        devices.append(Device.of(subject.model, person, settings.hand, settings.words_limit))
        done += 1
    with tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as name:
        private, plan = Path(name), subject.model.plan
        with training(bundle, plan, private, real=settings.executed > 0) as trainer:
            given = Given(
                devices, bundle, libraries, private, trainer, settings.executed, settings.dense, settings.seed
            )
            made: dict[Way, Sequence[Made]] = {}
            wanted = {way for ways in missing.values() for way in ways}
            for ways, make in MAKERS:
                tell(done, steps, ways[0].title)
                if wanted & set(ways):
                    made |= dict(zip(ways, make(given), strict=True))
                done += len(ways)
            for place, device in enumerate(devices):
                tell(done, steps, f"{device.person.name} is tested")
                done += 1
                alone = {way: made[way] for way in missing[place] if way in made}
                rows = tested(devices, place, alone)
                if CIRCLE in missing[place] or SPLIT in missing[place]:
                    rows |= measured(given, place)
                for way, figures in rows.items():
                    if way in missing[place]:
                        identity = settings.identity(device.person, way, subject.identity)
                        write_figures(_path(folder, device.person, way), "alternative", identity | figures)
