"""Every command whose figures the documents state: for `make bench`, `make bench-quick` and the soak.

Each is `quietkeys bench NAME` as anybody would type it, and files of people and of their mistakes are put in
for a word in braces. Quick arguments run the same code at small numbers, whose figures say nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.mistakes import read_rows
from quietkeys_bench.common.rows import RowsUnreadable
from quietkeys_bench.common.subject import bundle_identity

DONE: Final = "done.json"  # what an earlier run has measured, by name
ROUND_BEFORE: Final = "3d4cad5"  # the revision with the plan before today's
PROSE: Final = "wikitext2_valid.txt.gz"  # that perplexity is taken of; nothing was trained on it
_LISTS: Final = "{misspellings} --half report"
_STUDIES: Final = "--study blocks --study memory --study curve --study drift --study hostile"

Execute = Callable[[Sequence[str]], int]  # a command line -> its exit status


@dataclass(frozen=True, slots=True)
class Measured:
    """One JSON of `benchmarks/results`: the bench, its arguments, and those of a quick run."""

    name: str
    bench: str
    arguments: str
    quick: str

    def command(self, words: Mapping[str, Sequence[str]], out: Path, *, quick: bool) -> list[str]:
        """Return the command line. words: what to put in for each word in braces."""
        given = (self.quick if quick else self.arguments).split()
        parts = [part for word in given for part in words.get(word.strip("{}"), (word,))]
        return ["quietkeys", "bench", self.bench, *parts, "--json", str(out)]


EVERY: Final = (
    Measured(
        "autocorrect", "autocorrect", "{rows} --peers --text {text}", "{rows} --peers --text {text} --rows 10"
    ),
    Measured("manners", "manners", "{manners}", "{manners}"),
    Measured(
        "nextword",
        "nextword",
        "--people {people} {perplexity}",
        "--people {people} --limit 2 --words 150 --keystroke-words 8",
    ),
    Measured(
        "personalization",
        "personalization",
        f"--people {{half}} --words 3000 --seeds 0,1,2 --rounds 3 --no-yardsticks {_LISTS} {{probe}}"
        " --probe-rows 100",
        f"--people {{half}} --limit 2 --words 300 --seeds 0 --rounds 1 --no-yardsticks {_LISTS}",
    ),
    Measured(
        "personalization-all",
        "personalization",
        "--people {people} --rates 0.04,0.08,0.12 --words 3000 --seeds 0,1,2 --rounds 3 --no-yardsticks"
        f" {_LISTS} {_STUDIES}",
        "--people {people} --limit 2 --words 300 --seeds 0 --rounds 2 --no-yardsticks --points 100,200"
        f" {_LISTS} {_STUDIES}",
    ),
    Measured(
        "agreement",
        "agreement",
        f"--people {{half}} --limit 4 --devices 1 {_LISTS}",
        f"--people {{half}} --limit 1 --words 300 --rounds 1 --devices 1 {_LISTS}",
    ),
    Measured(
        "agreement-simulate",
        "agreement",
        f"--people {{half}} --mode simulate --runs 2 {_LISTS}",
        f"--people {{half}} --mode simulate --limit 1 --words 300 --rounds 1 {_LISTS}",
    ),
    Measured(
        "phase-noise",
        "agreement",
        "--people {people} --limit 7 --words 600 --noise 20",
        "--people {people} --limit 1 --words 300 --rounds 1 --noise 1",
    ),
    Measured(
        "circle",
        "circle",
        f"--people {{half}} --limit 1 {_LISTS}",
        f"--people {{half}} --limit 1 --words 300 --mode clear {_LISTS}",
    ),
    Measured(
        "circle-clear",
        "circle",
        f"--people {{half}} --limit 6 --mode clear {_LISTS}",
        f"--people {{half}} --limit 1 --words 300 --mode clear {_LISTS}",
    ),
    Measured(
        "alternatives",
        "alternatives",
        f"--people {{half}} {_LISTS} --pages {{pages}}",
        f"--people {{half}} --limit 2 --words 300 --execute 0 --dense 0 {_LISTS} --pages {{pages}}",
    ),
    Measured(
        "peer",
        "peer",
        "--pages {pages}",
        "--pages {pages} --seeds 0,1 --batches 3 --rates 1 --execute 1 --strict 0",
    ),
    Measured("round", "round", f"--against {ROUND_BEFORE}", "--against {plan} --repeat 1"),
    Measured("keys", "keys", "", "--runs 1"),
    Measured("sync", "sync", "", ""),
    Measured("latency", "latency", "", "--repeat 1"),
    Measured("frames", "frames", "", ""),
    Measured(
        "ibus",
        "ibus",
        "--people {people} --limit 4 --words 30 --repeat 3 --tried 1000",
        "--words 20 --repeat 1",
    ),
    Measured("service", "service", "", "--devices 5 --at-once 2"),
    Measured("service-shipped", "service", "--plan shipped", "--devices 2 --plan load"),
    Measured(
        "nodes",
        "service",
        "--nodes 1,2,4 --devices 40 --at-once 20",
        "--nodes 1 --devices 6 --at-once 6",
    ),
    Measured("scale", "scale", "", "--values 1 --repeat 1"),
    Measured("hostile", "service", "--hostile 2000", "--hostile 50 --seconds 5"),
)


def named(name: str) -> Measured:
    """Return the measurement of a name in the list."""
    (found,) = (one for one in EVERY if one.name == name)
    return found


def words_of(data: Path, work: Path) -> dict[str, list[str]]:
    """Link every second person into a folder of `work`; return what stands for each word in braces."""
    people = sorted((data / "people").iterdir())
    half = work / "half"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for person in people[::2]:
        (half / person.name).symlink_to(person.resolve())
    plan = work / "plan.json"
    plan.write_bytes(shipped_bundle()["plan.json"])
    lists = sorted((data / "misspellings").glob("*.tsv*"))
    prose = data / "text" / PROSE
    return {
        "people": [str(data / "people")],
        "half": [str(half)],
        "text": [str(data / "text")],
        "plan": [str(plan)],
        "pages": [str(work / "pages")],
        "perplexity": _repeated("--perplexity", [prose] if prose.exists() else []),
        "rows": _repeated("--tsv", rows_in(data / "misspellings", data / "typing")),
        "manners": _repeated("--tsv", sorted((data / "manners").glob("*.tsv*"))),
        "misspellings": _repeated("--misspellings", lists),
        "probe": _repeated("--probe", lists),
    }


def rows_in(*folders: Path) -> list[Path]:
    """Return the files of typing mistakes in folders that hold other tables too."""
    found = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.tsv*"))):
        try:
            read_rows(path)
        except RowsUnreadable:
            continue
        found.append(path)
    return found


def measure(one: Measured, data: Path, out: Path, execute: Execute | None = None) -> None:
    """Measure one of the list in full; its figures go to `out`. Raises ChildProcessError where it fails."""
    with tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as work:
        command = one.command(words_of(data, Path(work)), out, quick=False)
        if (execute or run)(command):
            raise ChildProcessError(" ".join(command[:3]))


def measure_all(
    data: Path, work: Path, results: Path | None, tell: Callable[[str], None], execute: Execute | None = None
) -> list[str]:
    """Measure the list, but for what an earlier run in `work` has; return the names of what failed.

    results: where figures go that are there whole; None for a quick run, whose figures stay in `work`. When
    nothing has failed `work` is empty again after a full run, so that the next one measures everything.
    """
    work.mkdir(parents=True, exist_ok=True)
    words, bundle, failed = words_of(data, work), bundle_identity(shipped_bundle()), list[str]()
    done: Figures = json.loads((work / DONE).read_text()) if (work / DONE).exists() else {}
    for one in EVERY:
        out = work / f"{one.name}.json"
        command = one.command(words, out, quick=results is None)
        if done.get(one.name) == [bundle, *command]:
            continue
        tell(" ".join(command))
        if (execute or run)(command):
            failed.append(one.name)
            continue
        if results is not None:
            shutil.copyfile(out, results / out.name)
        done[one.name] = [bundle, *command]
        (work / DONE).write_text(json.dumps(done, indent=1) + "\n")
    if results is not None and not failed:
        shutil.rmtree(work)
    return failed


def run(command: Sequence[str]) -> int:
    """Run a command of the environment that this is run in; return its exit status."""
    program = Path(sys.executable).parent / command[0]
    return subprocess.run([str(program), *command[1:]], check=False).returncode


def _repeated(option: str, files: Sequence[Path]) -> list[str]:
    return [part for path in files for part in (option, str(path))]
