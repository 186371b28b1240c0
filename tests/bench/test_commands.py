"""What the commands print: every table fits in 80 columns, with whole figures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from quietkeys_bench.agreement import command as agreement
from quietkeys_bench.alternatives import command as alternatives
from quietkeys_bench.autocorrect import command as autocorrect
from quietkeys_bench.circle import command as circle
from quietkeys_bench.circuits import command as circuits
from quietkeys_bench.cli import COMMANDS
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.concrete_ml import command as concrete_ml
from quietkeys_bench.frames import command as frames
from quietkeys_bench.ibus import command as ibus
from quietkeys_bench.keys import command as keys
from quietkeys_bench.latency import command as latency
from quietkeys_bench.manners import command as manners
from quietkeys_bench.nextword import command as nextword
from quietkeys_bench.personalization import command as personalization
from quietkeys_bench.quantization import command as quantization
from quietkeys_bench.round import command as round_
from quietkeys_bench.scale import command as scale
from quietkeys_bench.service import command as service
from quietkeys_bench.sync import command as sync

RESULTS: Final = Path(__file__).parents[2] / "benchmarks" / "results"
WIDTH: Final = 80
COMMITTED: Final = {  # schema and what shows it, by file
    "agreement": ("agreement", agreement.show),
    "agreement-simulate": ("agreement", agreement.show),
    "alternatives": ("alternatives", alternatives.show),
    "autocorrect": ("autocorrect", autocorrect.show),
    "circle": ("circle", circle.show),
    "circle-clear": ("circle", circle.show),
    "circuits": ("circuits", circuits.show),
    "frames": ("frames", frames.show),
    "ibus": ("ibus", ibus.show),
    "keys": ("keys", keys.show),
    "latency": ("latency", latency.show),
    "manners": ("manners", manners.show),
    "nextword": ("nextword", nextword.show),
    "peer": ("peer", concrete_ml.show),
    "phase-noise": ("noise", agreement.show_noise),
    "personalization": ("personalization", personalization.show),
    "quantization-12": ("quantization", quantization.show),
    "round": ("round", round_.show),
    "scale": ("scale", scale.show),
    "service": ("service", service.show),
    "service-shipped": ("service", service.show),
    "sync": ("sync", sync.show),
}

Show = Callable[[Console, Figures], None]


class Watched(Console):
    """A screen of 80 columns that keeps the tables it is given."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), width=WIDTH, record=True)
        self.tables: list[Table] = []

    def print(self, *objects: Any, **options: Any) -> None:
        """See `Console`."""
        self.tables += [thing for thing in objects if isinstance(thing, Table)]
        super().print(*objects, **options)


@pytest.mark.parametrize("name", COMMITTED)
def test_what_is_printed_fits_in_80_columns(name: str) -> None:
    """Of every committed result: no table wants more room, so no figure is cut off or wrapped."""
    schema, show = COMMITTED[name]
    console = Watched()
    show(console, read_figures(RESULTS / f"{name}.json", schema))
    assert console.tables
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    wide = console.options.update(width=10 * WIDTH)
    for table in console.tables:
        assert table.row_count
        assert Measurement.get(console, wide, table).maximum <= WIDTH, table.title


def test_every_command_shows_a_committed_result() -> None:
    """So that the test above has seen each of them."""
    shown = {show.__module__ for _, show in COMMITTED.values()}
    assert {command.__module__ for command in COMMANDS} == shown
