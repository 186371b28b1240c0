"""The list of every measurement: its commands are the programs', and a run that was stopped goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from quietkeys_bench.cli import COMMANDS
from quietkeys_bench.every import DONE, EVERY, measure_all, named
from tests.docs.inline_code import problem_of_command

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = {  # what the documents name and no bench of today can measure again
    "autocorrect-2",  # earlier bundles
    "autocorrect-4",
    "language",  # of training a bundle
    "quantization-12",  # the plan before, of a person picked out
    "noise",  # the soak's own
    "rounds",
    "devices",
    "packaging",
    "tour",  # `make tour` writes it
    "scale-soak",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with three people and one file of each kind."""
    for name in (
        "misspellings/a.tsv",
        "typing/b.tsv",
        "manners/c.tsv",
        "text/d.txt",
        *(f"people/x_{n}.txt" for n in "123"),
    ):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "data"


class Executed:
    """Notes commands and writes what they would, but for one bench that fails."""

    def __init__(self, failing: str = "") -> None:
        self.failing, self.commands = failing, list[Sequence[str]]()

    def __call__(self, command: Sequence[str]) -> int:
        """Pretend to run a command."""
        self.commands.append(command)
        out = Path(command[-1])
        if out.stem == self.failing:
            return 2
        out.write_text(f'"{out.stem}"')
        return 0


def nothing(line: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", [one.name for one in EVERY])
def test_every_command_is_one(name: str, quick: bool) -> None:
    """Bench and options are the program's."""
    one = named(name)
    assert one.bench in {command.__name__ for command in COMMANDS}
    given = one.quick if quick else one.arguments
    assert problem_of_command(re.sub(r"\{\w+\}", "FILE", f"quietkeys bench {one.bench} {given}")) is None


def test_what_readme_and_results_name_is_in_the_list() -> None:
    """Each JSON that stands behind a figure of theirs."""
    pages = "".join(
        (ROOT / page).read_text() for page in ("README.md", "docs/RESULTS.md", "docs/results/README.md")
    )
    assert set(re.findall(r"`([\w-]+)\.json`", pages)) - KEPT <= {one.name for one in EVERY}


def test_a_full_run_that_was_stopped_goes_on(data: Path, tmp_path: Path) -> None:
    """What failed is measured again, nothing else; results are whole; afterwards nothing is left."""
    work, results = tmp_path / "work", tmp_path / "results"
    results.mkdir()
    first, second = Executed("keys"), Executed()
    assert measure_all(data, work, results, nothing, first) == ["keys"]
    assert len(first.commands) == len(EVERY)
    assert not (results / "keys.json").exists()
    assert measure_all(data, work, results, nothing, second) == []
    assert [Path(command[-1]).stem for command in second.commands] == ["keys"]
    assert {path.stem for path in results.iterdir()} == {one.name for one in EVERY}
    assert not work.exists()


def test_a_quick_run_stays_in_its_folder(data: Path, tmp_path: Path) -> None:
    """And says what it has, so that it goes on as well; every second person is linked."""
    work, executed = tmp_path / "work", Executed()
    assert measure_all(data, work, None, nothing, executed) == []
    assert {Path(command[-1]).parent for command in executed.commands} == {work}
    assert (work / DONE).exists()
    assert sorted(path.name for path in (work / "half").iterdir()) == ["x_1.txt", "x_3.txt"]
    again = Executed()
    measure_all(data, work, None, nothing, again)
    assert again.commands == []
