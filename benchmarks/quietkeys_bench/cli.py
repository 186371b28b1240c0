"""`quietkeys bench`: measurements, each a JSON with a committed schema. See benchmarks/README.md."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.autocorrect import bench as correcting
from quietkeys_bench.autocorrect.spellers.catalogue import PEERS, Texts
from quietkeys_bench.autocorrect.table import show_autocorrect
from quietkeys_bench.circle import bench as circles
from quietkeys_bench.circle.table import show_circle
from quietkeys_bench.circle.training import CircleTraining
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.people import find_people, spread
from quietkeys_bench.common.subject import Mode, shipped_subject
from quietkeys_bench.concrete_ml import bench as peers
from quietkeys_bench.concrete_ml.table import show_peer
from quietkeys_bench.frames import bench as drawing
from quietkeys_bench.latency import bench as timing
from quietkeys_bench.latency.table import show_latency
from quietkeys_bench.nextword import bench as predicting
from quietkeys_bench.nextword.table import show_nextword
from quietkeys_bench.personalization import bench
from quietkeys_bench.personalization.one_person import Train
from quietkeys_bench.quantization import bench as quantizing
from quietkeys_bench.quantization.table import show_quantization
from quietkeys_bench.service import bench as serving
from quietkeys_bench.service.table import show_service
from quietkeys_bench.sync import bench as syncing
from quietkeys_bench.sync.table import show_sync
from quietkeys_protocol.errors import QuietkeysError

FAILED: Final = 2  # exit status
CODE_BOOK_PEOPLE: Final = 4  # next in turn after those measured, one of each kind

app: Final = typer.Typer(no_args_is_help=True, help="Measure what learning gains, and what it costs.")


@app.callback()
def _main() -> None:
    """Keep the command's name on the command line, also while there is only one."""


@app.command("personalization")
def personalization(
    people: Annotated[
        Path, typer.Option(help="Folder of *.txt or *.txt.gz, one message a line in time order")
    ],
    json: Annotated[Path, typer.Option(help="Where the figures go; one JSON per person beside it")],
    rates: Annotated[str, typer.Option(help="Shares of letters wrong, such as 0.04,0.08,0.12")] = "0.08",
    mode: Annotated[
        Mode,
        typer.Option(help="clear: no encryption; simulate: with its noise, modelled; execute: real keys"),
    ] = Mode.CLEAR,
    limit: Annotated[
        int, typer.Option(min=0, help="First so many people, of every kind in turn; 0: all")
    ] = 0,
    seeds: Annotated[str, typer.Option(help="Of the simulated hands")] = "0,1,2",
    words: Annotated[int, typer.Option(min=0, help="At most so many words of each person; 0: all")] = 0,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes; not in execute mode")] = 1,
) -> None:
    """What every rung of the ladder is worth to people: real text, simulated hands."""
    console = Console()
    with _plain_errors():
        chosen = spread(find_people(people), limit)
        settings = bench.Settings(chosen, _rates(rates), _seeds(seeds), mode, words)
        with _training(mode) as train, _display(console) as progress:
            task = progress.add_task("people", total=None)

            def tell(done: int, total: int, name: str) -> None:
                progress.update(task, completed=done, total=total, description=name)

            bench.run(settings, json, shipped_subject, tell, jobs, train)
        _show(console, json)


@app.command("circle")
def circle(
    people: Annotated[
        Path, typer.Option(help="Folder of *.txt or *.txt.gz, one message a line in time order")
    ],
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    mode: Annotated[Mode, typer.Option(help="clear: no encryption; execute: real keys, two devices")] = (
        Mode.EXECUTE
    ),
    limit: Annotated[
        int, typer.Option(min=0, help="First so many people, of every kind in turn; 0: all")
    ] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands")] = 0,
    words: Annotated[int, typer.Option(min=0, help="At most so many words of each person; 0: all")] = 2500,
) -> None:
    """One person's text on two devices: each alone, both joined under shared keys, all of it on one."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        settings = circles.Settings(spread(find_people(people), limit), seed, words, mode)
        with _circle_training(mode) as training:
            circles.run(settings, json, shipped_subject(), training, _teller(progress))
    show_circle(console, json)


@app.command("quantization")
def quantization(
    people: Annotated[
        Path, typer.Option(help="Folder of *.txt or *.txt.gz, one message a line in time order")
    ],
    json: Annotated[Path, typer.Option(help="Where the figures go; one JSON per person beside it")],
    limit: Annotated[
        int, typer.Option(min=0, help="First so many people, of every kind in turn; 0: all")
    ] = 0,
    words: Annotated[int, typer.Option(min=0, help="At most so many words of each person; 0: all")] = 0,
) -> None:
    """What planes, steps and event types keep of training in floating point: in the clear, on people."""
    console = Console()
    with _plain_errors():
        everybody = find_people(people)
        chosen = spread(everybody, limit)
        others = [person for person in spread(everybody, limit + CODE_BOOK_PEOPLE) if person not in chosen]
        with _display(console) as progress:
            task = progress.add_task("people", total=None)

            def tell(done: int, total: int, name: str) -> None:
                progress.update(task, completed=done, total=total, description=name)

            settings = quantizing.Settings(chosen, others if limit else [], words)
            quantizing.run(settings, json, shipped_subject(), tell)
        show_quantization(console, json)


@app.command("peer")
def peer(
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    seed: Annotated[int, typer.Option(min=0, help="Of the made-up task")] = 0,
    steps: Annotated[int, typer.Option(min=1, max=100, help="Of Concrete ML at its default p_error")] = 2,
    strict_limit: Annotated[
        float, typer.Option(min=0, help="Seconds for Concrete ML at 2^-40, one step; 0: compile only")
    ] = 0.0,
) -> None:
    """The same regression trained in the clear, by quietkeys and by Concrete ML: ratios of one run."""
    console = Console()
    with _plain_errors():
        peers.run(peers.Settings(seed, steps, strict_limit), json, lambda row: console.print(f"{row} ..."))
        show_peer(console, json)


@app.command("autocorrect")
def autocorrect(
    tsv: Annotated[
        list[Path],
        typer.Option(help="Files with the columns typo, correct, context; .gz too; more may follow"),
    ],
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    more: Annotated[list[Path] | None, typer.Argument(help="Further files of the same form")] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also measure other spellers on the same rows")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each file at most")] = correcting.ROWS,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of rows")] = 0,
    text: Annotated[
        Path | None, typer.Option(help="Folder of texts that JamSpell's model is trained on; with --peers")
    ] = None,
) -> None:
    """Mistakes corrected and good words left alone, beside the spellers that people use today."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        settings = correcting.Settings((*tsv, *(more or ())), rows, seed, PEERS if peers else (), Texts(text))
        correcting.run(settings, json, _teller(progress))
    show_autocorrect(console, json)


@app.command("nextword")
def nextword(
    people: Annotated[
        Path, typer.Option(help="Folder of *.txt or *.txt.gz, one message a line in time order")
    ],
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    perplexity: Annotated[
        Path | None, typer.Option(help="A text, .gz too, one message a line: perplexity per word of it")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="First so many people, of every kind in turn; 0: all")
    ] = 0,
    words: Annotated[int, typer.Option(min=0, help="At most so many words of each person; 0: all")] = 0,
    keystroke_words: Annotated[
        int, typer.Option(min=1, help="Tested words of each person that are written key by key")
    ] = predicting.KEYSTROKE_WORDS,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of those words")] = 0,
) -> None:
    """How often the next word is offered and the keys that saves, beside a trigram model."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        chosen = spread(find_people(people), limit)
        settings = predicting.Settings(chosen, words, keystroke_words, seed, perplexity)
        predicting.run(settings, json, _teller(progress))
    show_nextword(console, json)


@app.command("latency")
def latency(
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Fresh processes to measure")] = timing.REPEATS,
) -> None:
    """How fast the keyboard is there, how fast it answers, and the memory it takes."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        timing.run(timing.Settings(repeat), json, _teller(progress))
    show_latency(console, json)


@app.command("sync")
def sync(json: Annotated[Path, typer.Option(help="Where the figures go")]) -> None:
    """What a sync costs against its estimate, and what the host application notices of it."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        syncing.run(syncing.Settings(), json, _teller(progress))
    show_sync(console, json)


@app.command("frames")
def frames(json: Annotated[Path, typer.Option(help="Where the figures go")]) -> None:
    """How long the keyboard's frames take while somebody types, also during a training."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        drawing.run(json, _teller(progress))
    found = read_figures(json, "frames")
    for phase in ("idle", "training"):
        one = found[phase]
        console.print(
            f"{phase}: p50 {one['p50_ms']:.1f} ms, p95 {one['p95_ms']:.1f} ms,"
            f" worst {one['worst_ms']:.0f} ms, {one['long']} of {one['frames']} over 200 ms",
            highlight=False,
        )


@app.command("service")
def service(
    json: Annotated[Path, typer.Option(help="Where the figures go")],
    devices: Annotated[int, typer.Option(min=2, help="Devices in all, from enrolment to update")] = 200,
    at_once: Annotated[int, typer.Option(min=1, max=500, help="Devices under way at a time")] = 50,
    plan: Annotated[
        serving.Work, typer.Option(help="load: a second a job; shipped: five jobs of the shipped plan")
    ] = serving.Work.LOAD,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Of the trainer")] = 2,
    executor: Annotated[serving.Executor, typer.Option(help="Where jobs run")] = serving.Executor.LOCAL,
    address: Annotated[str, typer.Option(help="Of the Ray cluster, with --executor ray")] = "",
    database: Annotated[str, typer.Option(help="URL; empty: SQLite in the trainer's folder")] = "",
    blobs: Annotated[str, typer.Option(help="URL of an S3-compatible store; empty: a folder")] = "",
) -> None:
    """What devices wait for while a trainer's workers are saturated, what gets done, and what is lost."""
    console = Console()
    with _plain_errors(), _display(Console(stderr=True)) as progress:
        settings = serving.Settings(devices, at_once, plan, workers, executor, address, database, blobs)
        serving.run(settings, json, _teller(progress))
    show_service(console, json)


def _teller(progress: Progress) -> Callable[[int, int, str], None]:
    task = progress.add_task("starting", total=None)

    def tell(done: int, total: int, name: str) -> None:
        progress.update(task, completed=done, total=total, description=name)

    return tell


@contextmanager
def _training(mode: Mode) -> Iterator[Train | None]:
    """What trains reports in a mode: in execute mode a trainer that is started for it."""
    if mode is not Mode.EXECUTE:
        yield None
        return
    from quietkeys_bench.common.encrypted_training import encrypted_training

    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder,
        encrypted_training(shipped_bundle(), Path(folder)) as train,
    ):
        yield train


@contextmanager
def _circle_training(mode: Mode) -> Iterator[CircleTraining]:
    """What trains the reports of two devices in a mode."""
    from quietkeys_bench.circle.training import ClearTraining, encrypted_circle

    if mode is Mode.SIMULATE:
        raise ValueError("a circle is measured in clear or in execute mode")
    if mode is Mode.CLEAR:
        yield ClearTraining(shipped_subject().model.plan)
        return
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder,
        encrypted_circle(shipped_bundle(), Path(folder)) as training,
    ):
        yield training


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turns what a user can mend into a sentence and an exit status."""
    try:
        yield
    except (QuietkeysError, DemoFailed, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or type(error).__name__}: {error.filename or 'a file'}")
    except KeyboardInterrupt:
        _fail("Stopped. The same command goes on from here.")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"quietkeys bench: {sentence}")
    raise typer.Exit(FAILED)


def _rates(listed: str) -> list[float]:
    rates = [float(part) for part in listed.split(",")]
    if len(set(rates)) != len(rates) or not all(0.0 < rate <= 0.3 for rate in rates):
        raise ValueError("rates are distinct shares of letters, above 0 and at most 0.3")
    return rates


def _seeds(listed: str) -> list[int]:
    seeds = [int(part) for part in listed.split(",")]
    if len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise ValueError("seeds are distinct whole numbers from 0")
    return seeds


def _display(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _show(console: Console, out: Path) -> None:
    figures = read_figures(out, "personalization")
    table = Table(title=f"{len(figures['people'])} people, {figures['mode']} mode, seeds {figures['seeds']}")
    for heading in ("rung", "letters wrong", "words right", "errors against base"):
        table.add_column(heading, justify="left" if heading == "rung" else "right")
    for row in figures["ladder"]:
        change = f"{row['errors_vs_base']:+.1%}"
        table.add_row(row["rung"], f"{row['rate']:.0%}", f"{row['word_accuracy']:.2%}", change)
    console.print(table)
    for row in figures["by_rate"]:
        console.print(
            f"at {row['rate']:.0%}: local learning removes {row['local_removes']:.1%} of the errors,"
            f" the update {row['update_removes']:.1%} of those left"
            f" ({row['update_removes_gated']:.1%} with the gate);"
            f" applied {row['applied']:.0%}, helped {row['helped']:.0%}, harmed {row['harmed']:.0%},"
            f" worse {row['worse']:.0%}",
            highlight=False,
        )
    machine = figures["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, p_error {figures['p_error']:.1e}", highlight=False
    )
