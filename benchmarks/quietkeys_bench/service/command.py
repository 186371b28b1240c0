"""`quietkeys bench service` and what it prints."""

from __future__ import annotations

from math import ceil
from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.common.command import Json, facts, machine_of, measuring, say, table, whole_numbers
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.service.bench import Executor, Settings, Work, run
from quietkeys_bench.service.fleet import Fleet
from quietkeys_bench.service.fleet import run as run_fleet
from quietkeys_bench.service.hostile import Settings as Hostile
from quietkeys_bench.service.hostile import run as run_hostile
from quietkeys_bench.service.nodes import run as run_nodes


def service(
    json: Json,
    devices: Annotated[int, typer.Option(min=2, help="Devices in all, from enrolment to update")] = 200,
    at_once: Annotated[int, typer.Option(min=1, max=500, help="Devices under way at a time")] = 50,
    plan: Annotated[
        Work, typer.Option(help="load: a second a job; shipped: five jobs of the shipped plan")
    ] = Work.LOAD,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Of the trainer")] = 2,
    executor: Annotated[Executor, typer.Option(help="Where jobs run")] = Executor.LOCAL,
    address: Annotated[str, typer.Option(help="Of the Ray cluster, with --executor ray")] = "",
    database: Annotated[str, typer.Option(help="URL; empty: SQLite in the trainer's folder")] = "",
    blobs: Annotated[str, typer.Option(help="URL of an S3-compatible store; empty: a folder")] = "",
    hostile: Annotated[int, typer.Option(min=0, help="Instead: connections that strangers hold")] = 0,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long, with --hostile")] = 60.0,
    nodes: Annotated[
        str, typer.Option(help="Instead: Ray clusters of so many nodes here, such as 1,2,4")
    ] = "",
    enrolled: Annotated[int, typer.Option(min=0, help="Instead: devices that take turns for hours")] = 0,
    hours: Annotated[float, typer.Option(min=0.001, help="How long, with --enrolled")] = 6.0,
) -> None:
    """Measure what devices wait for while a trainer's workers are busy, what gets done, and what is lost."""
    if hostile:
        with measuring() as tell:
            run_hostile(Hostile(hostile, seconds), json, tell)
        show_hostile(Console(), read_figures(json, "hostile"))
        return
    if enrolled:
        parts = ceil(hours)
        fleet = Fleet(enrolled, parts, 3600 * hours / parts, min(at_once, enrolled), workers)
        with measuring() as tell:
            run_fleet(fleet, json, tell)
        show_fleet(Console(), read_figures(json, "fleet"))
        return
    settings = Settings(devices, at_once, plan, workers, executor, address, database, blobs)
    if nodes:
        with measuring() as tell:
            run_nodes(settings, whole_numbers(nodes), json, tell)
        show_nodes(Console(), read_figures(json, "nodes"))
        return
    with measuring() as tell:
        run(settings, json, tell)
    show(Console(), read_figures(json, "service"))


def show_hostile(console: Console, figures: Figures) -> None:
    """Print what devices waited for among strangers."""
    rows = {
        "API, p95, without them": f"{figures['calm_p95_ms']:.0f} ms",
        "API, p50": f"{figures['api_p50_ms']:.0f} ms",
        "API, p95": f"{figures['api_p95_ms']:.0f} ms",
        "API, p99": f"{figures['api_p99_ms']:.0f} ms",
        "health, the worst": f"{figures['health_worst_ms']:.0f} ms",
        "requests in vain": str(figures["errors"] + figures["health_missed"]),
        "connections that strangers made": str(figures["connections_made"]),
        "requests of theirs that were answered": str(figures["flood_answered"]),
    }
    console.print(facts(f"{figures['devices']} devices among {figures['strangers']} strangers", rows))
    say(console, machine_of(figures))


def show_nodes(console: Console, figures: Figures) -> None:
    """Print a row for local workers, and one for each cluster."""
    shown = table(
        f"{figures['devices']} devices, {figures['at_once']} at once",
        ("",),
        ("jobs a minute", "processor s a job", "API p95 ms", "load before", "lost"),
    )
    for row in figures["rows"]:
        shown.add_row(
            f"Ray, {row['nodes']} nodes" if row["nodes"] else f"{row['workers']} local workers",
            f"{row['jobs_per_minute']:.1f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['api_p95_ms']:.0f}",
            f"{row['load_before']:.1f}",
            str(row["lost"]),
        )
    console.print(shown)
    say(console, f"All nodes are on this machine: {machine_of(figures)}")


def show_fleet(console: Console, figures: Figures) -> None:
    """Print a row for every part, and what held for all."""
    shown = table(
        f"{figures['devices']} enrolled devices, {figures['at_once']} under way",
        ("part",),
        ("jobs", "waiting", "API p95 ms", "API MB", "all MB", "database MB", "lost"),
    )
    for part in figures["parts"]:
        last = part["slices"][-1] if part["slices"] else {}
        sizes = (f"{last[name] / 1e6:.0f}" if last else "" for name in ("api_bytes", "all_bytes"))
        shown.add_row(
            str(part["part"] + 1),
            str(part["accepted"]),
            str(max((one["waiting_most"] for one in part["slices"]), default="")),
            f"{part['api_p95_ms']:.0f}",
            *sizes,
            f"{last['database_bytes'] / 1e6:.1f}" if last else "",
            str(part["lost"]),
        )
    console.print(shown)
    rows = {
        "devices that the trainer knows at the end": str(figures["known"]),
        "devices that had a turn": str(figures["had_a_turn"]),
        "updates lost": str(figures["lost"]),
        "jobs duplicated": str(figures["duplicated"]),
        "enrolment of all": f"{figures['enrolment']['seconds']:.0f} s",
    }
    if grown := figures["an_hour"]:
        names = {"the API": "api_bytes", "all processes": "all_bytes", "the database": "database_bytes"}
        rows |= {
            f"what an hour adds to {what}": f"{grown[name] / 1e6:.1f} MB" for what, name in names.items()
        }
    console.print(facts("In all", rows))
    say(console, machine_of(figures))


def _account(account: Figures) -> dict[str, str]:
    """Return what a job's seconds were for, in words."""
    seconds = {
        "starting a child": "start_s",
        "reading keys": "keys_s",
        "what is made of keys": "making_s",
        "look-ups": "look_ups_s",
        "all": "cpu_s",
    }
    rows = {what: f"{account[name]:.2f}" for what, name in seconds.items()}
    kept = f"{account['kept']:.0f} of {account['jobs']:.0f}"
    return {**rows, "jobs in a child that had the keys": kept, "workers idle": f"{account['idle']:.0%}"}


def show(console: Console, figures: Figures) -> None:
    """Print a row for every kind of request, and what became of the devices."""
    routes = table(
        f"{figures['devices']} devices, {figures['at_once']} at once, {figures['plan']} plan",
        ("request",),
        ("requests", "p50 ms", "p95 ms"),
    )
    for route, row in figures["routes"].items():
        routes.add_row(route, str(row["requests"]), f"{row['p50_ms']:.0f}", f"{row['p95_ms']:.0f}")
    console.print(routes)
    rows = {
        "all but the upload of keys, p50": f"{figures['api_p50_ms']:.0f} ms",
        "all but the upload of keys, p95": f"{figures['api_p95_ms']:.0f} ms",
        "all but the upload of keys, p99": f"{figures['api_p99_ms']:.0f} ms",
        "jobs a minute": f"{figures['jobs_per_minute']:.1f}",
        "updates lost": str(figures["lost"]),
        "jobs duplicated": str(figures["duplicated"]),
    }
    if "cpu_seconds" in figures:
        rows["processor s a report, all of the trainer"] = f"{figures['cpu_seconds']:.2f}"
    console.print(facts("While jobs waited", rows))
    if account := figures.get("account"):
        console.print(facts("Of a job, processor seconds", _account(account)))
    say(console, f"{machine_of(figures)}, {figures['workers']} workers")
