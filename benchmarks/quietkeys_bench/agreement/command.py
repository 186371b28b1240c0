"""`quietkeys bench agreement` and what it prints."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.agreement.bench import Settings, run
from quietkeys_bench.agreement.full_rounds import full_rounds
from quietkeys_bench.agreement.noise import run as run_noise
from quietkeys_bench.common.circles import circle_training
from quietkeys_bench.common.command import (
    HalfOfLists,
    JsonAndCells,
    Limit,
    MisspellingLists,
    People,
    Words,
    machine_of,
    measuring,
    say,
    table,
    whole_numbers,
)
from quietkeys_bench.common.figures import Figures, Tell, read_figures
from quietkeys_bench.common.misspellings import Half, read_misspellings
from quietkeys_bench.common.subject import Mode, shipped_subject
from quietkeys_bench.common.texts import find_people, spread
from quietkeys_trainer.engine.local import load_engine


def agreement(
    people: People,
    json: JsonAndCells,
    mode: Annotated[
        Mode, typer.Option(help="simulate: the noise, modelled; execute: real keys")
    ] = Mode.EXECUTE,
    limit: Limit = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands")] = 0,
    words: Words = 3000,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="Of updates, one after the other")] = 3,
    devices: Annotated[str, typer.Option(help="How many share a person's text, such as 1,2,4")] = "1,2,4",
    runs: Annotated[int, typer.Option(min=1, help="Of every report")] = 1,
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
    noise: Annotated[int, typer.Option(min=0, help="Instead: noise of so many encrypted rounds")] = 0,
) -> None:
    """Measure how close encrypted training comes to the integer program, alone and in circles."""
    with measuring() as tell:
        settings = Settings(
            spread(find_people(people), limit),
            seed,
            words,
            mode,
            rounds,
            _devices(devices),
            runs,
            read_misspellings(misspellings or (), half),
            half,
        )
        if mode is Mode.CLEAR:
            raise ValueError("in the clear there is nothing to compare: simulate or execute")
        if noise:
            _measure_noise(settings, noise, json, tell)
        else:
            with circle_training(mode, max(settings.devices)) as training:
                run(settings, json, shipped_subject(), training, tell)
    if noise:
        show_noise(Console(), read_figures(json, "noise"))
    else:
        show(Console(), read_figures(json, "agreement"))


def _measure_noise(settings: Settings, rounds: int, out: Path, tell: Tell) -> None:
    if settings.mode is not Mode.EXECUTE:
        raise ValueError("noise is measured on ciphertexts: execute")
    subject = shipped_subject()
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder,
        full_rounds(load_engine(subject.model.plan, Path(folder))) as training,
    ):
        run_noise(settings, rounds, out, subject, training, tell)


def _devices(listed: str) -> list[int]:
    devices = whole_numbers(listed)
    most = shipped_subject().model.plan.sources
    if not all(0 < number <= most for number in devices):
        raise ValueError(f"a plan adds up 1 to {most} devices")
    return devices


def show(console: Console, figures: Figures) -> None:
    """Print a row for every number of devices / round: of the step, then of the adapter."""
    totals = figures["totals"]
    names = [block["block"] for block in totals[0]["blocks"]]
    for what, title in (("step", "Of the step that came back"), ("adapter", "Of the adapter then in use")):
        shown = table(f"{title}: relative L2 of z, mean and worst", ("",), (*names, "same best", "worst"))
        for row in totals:
            cells = [_pair(block[what]) for block in row["blocks"]]
            same = (f"{row['same_best']:.2%}", f"{row['same_best_least']:.2%}")
            shown.add_row(f"{row['devices']} / {row['round']}", *cells, *same)
        console.print(shown)
    spilt, made = (sum(row[name] for row in totals) for name in ("spilt", "runs"))
    say(
        console,
        "Rows: devices that share keys / round. Same best: of the contested words, under the adapter.",
        f"{len(figures['people'])} people, {figures['mode']} mode, seeds {figures['seeds']}; {made} runs, of"
        f" which {spilt} left a field in the clear.",
        machine_of(figures),
    )


def show_noise(console: Console, figures: Figures) -> None:
    """Print noise against its prediction, then how far approximate rounding moves weights."""
    shown = table(
        "Noise of results", ("block",), ("units", "whole", "sent", "samples", "largest", "look-up", "result")
    )
    for row in figures["blocks"]:
        tails = (f"2^{row['extrapolated'][name]['log2_probability']:.0f}" for name in ("look_up", "result"))
        noise = row["whole"]
        samples = (f"{noise['samples']}", f"{noise['largest']:.1f}") if noise else ("0", "")
        cells = [_of_predicted(row[name]) for name in ("whole", "sent")]
        shown.add_row(row["block"], f"{row['predicted']['whole']:.2f}", *cells, *samples, *tails)
    console.print(shown)
    names = ("moved", "rms", "p50", "p90", "p99", "worst")
    shown = table("Weights off the clear program, in units: encrypted, modelled", ("block",), names)
    for row in figures["blocks"]:
        both = row["rounding"], row["modelled_rounding"]
        cells = [
            ", ".join(f"{one['moved']:.0%}" for one in both),
            ", ".join(f"{one['rms']:.0f}" for one in both),
        ]
        for place in range(len(both[0]["quantiles"])):
            cells.append(", ".join(f"{one['quantiles'][place]['units']:.0f}" for one in both))
        shown.add_row(row["block"], *cells)
    console.print(shown)
    say(
        console,
        "Units: the predicted deviation, in units of a weight. Whole, sent: measured over predicted, before"
        " and after results are cut; largest in deviations. Look-up, result: probability that noise passes"
        " what it may, extrapolated from a normal distribution; no sample reaches that far.",
        f"{len(figures['people'])} people, {figures['rounds']} rounds, {figures['mode']} mode, seeds"
        f" {figures['seeds']}.",
        machine_of(figures),
    )


def _of_predicted(noise: Figures | None) -> str:
    return f"{noise['deviation']:.3f}" if noise else "-"


def _pair(figures: Figures) -> str:
    return " ".join(f"{figure:.3f}".removeprefix("0") for figure in figures.values() if figure is not None)
