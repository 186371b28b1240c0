"""`quietkeys bench service --enrolled`: figures of a part, and a fleet of devices for real.

`make soak` has 10,000 devices for six hours, or as long as `--soak-hours` says, in parts of an hour; what a
soak that was stopped has of them lies beside `benchmarks/results/scale-soak.json`, and it goes on there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quietkeys_bench.common.figures import cells_folder, read_figures
from quietkeys_bench.service.bench import Said
from quietkeys_bench.service.child import UPLOAD
from quietkeys_bench.service.command import show_fleet
from quietkeys_bench.service.fleet import Fleet, Moment, growth, run, slices, state_folder
from quietkeys_bench.service.fleet_child import identity_of
from tests.bench.keyboards import ignore

FEW = Fleet(devices=50, parts=2, part_s=3.0, at_once=2, workers=1, key_sets=1)
POLL = "GET /v1/jobs"


def test_a_fleet_keeps_its_devices() -> None:
    """The same seed makes the same identities, another number or another seed makes others."""
    names = [identity_of(*which).device_id for which in (("a", 1), ("a", 1), ("a", 2), ("b", 1))]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def moment(at_s: float, waiting: float = 1.0, size: int = 100) -> Moment:
    """What was seen of a trainer, all of one size."""
    return Moment(at_s, waiting, size, 2 * size, 3 * size, 4 * size)


def test_a_part_is_seen_in_slices() -> None:
    """Of each: the queue, what sizes came to, and waits of what was asked in it, key uploads left out."""
    said = Said([], [(POLL, 1001.0, 10.0, 200), (POLL, 1119.0, 30.0, 200), (UPLOAD, 1001.0, 999.0, 200)])
    moments = [moment(1001.0, 4.0), moment(1002.0, 2.0), moment(1003.0, 0.0, 700), moment(1119.0)]
    first, last = slices(said, moments, begin=1000.0, seconds=120.0)
    assert (first["waiting"], first["waiting_most"], first["requests"]) == (2, 4, 1)
    assert (first["api_bytes"], first["database_bytes"], first["blobs_bytes"]) == (700, 2100, 2800)
    assert (first["all_bytes"], first["all_bytes_most"]) == (200, 1400)
    assert first["api_p95_ms"] == 10.0
    assert (last["at_s"], last["api_p50_ms"]) == (119.0, 30.0)


def part(age_s: float, *sizes: int) -> dict[str, Any]:
    """A part with a slice every quarter of an hour."""
    names = ("api_bytes", "all_bytes", "database_bytes")
    rows = [{"at_s": 900.0 * place, **dict.fromkeys(names, size)} for place, size in enumerate(sizes)]
    return {"trainer_age_s": age_s, "slices": rows}


def test_growth_is_of_the_trainer_that_ran_last() -> None:
    """Since it was started, without the time in which it fills up; nothing is said of a short run."""
    one, other = part(10.0, 0, 5000, 9000, 9000), part(3610.0, 9000, 9000)
    assert growth([one, other, part(10.0, 1, 100, 110, 120)]) == pytest.approx(
        dict.fromkeys(("api_bytes", "all_bytes", "database_bytes"), 40.0)
    )
    assert growth([one, part(10.0, 1, 2, 3)]) is None


@pytest.mark.fhe
def test_a_trainer_of_many_devices(
    tmp_path: Path, results_folder: Path, pytestconfig: pytest.Config, sized: Callable[[int, int], int]
) -> None:
    """Nothing is lost, doubled or refused, every device is known at the end, updates are those of its keys.

    At small numbers it is stopped after its first part and goes on, with the same devices, at the second.
    """
    fleet, out = FEW, tmp_path / "scale-soak.json"
    if hours := sized(0, 1) * pytestconfig.getoption("--soak-hours"):
        parts = ceil(hours)
        fleet, out = Fleet(parts=parts, part_s=3600 * hours / parts), results_folder / out.name
    else:
        with suppress(KeyboardInterrupt):
            run(fleet, out, stopped_at_part_two)
        first = cells_folder(out) / "part-0.json"
        before = first.read_bytes()
        assert state_folder(out).exists() and not out.exists()
    run(fleet, out, ignore)
    figures = read_figures(out, "fleet")
    assert (figures["lost"], figures["duplicated"], figures["refused"]) == (0, 0, 0)
    assert figures["known"] == figures["enrolment"]["answered"] == fleet.devices
    assert [one["part"] for one in figures["parts"]] == list(range(fleet.parts))
    for one in figures["parts"]:
        assert one["accepted"] == sum(one["turns"]) > 0
        assert one["errors"] == {}
        assert one["relative_error"] < 0.8
    assert not state_folder(out).exists()
    if fleet is FEW:
        assert first.read_bytes() == before
        assert figures["parts"][1]["turns"] >= [1, 1]
    console = Console(record=True, width=200)
    show_fleet(console, figures)
    assert "updates lost 0" in [" ".join(line.split()) for line in console.export_text().splitlines()]


def stopped_at_part_two(done: int, total: int, name: str) -> None:
    """Stop a run as Ctrl-C does."""
    if name.startswith("part 2"):
        raise KeyboardInterrupt
