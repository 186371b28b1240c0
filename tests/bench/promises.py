"""What is promised of the base model, as checks of figures: each returns what falls short, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from quietkeys_bench.nextword.strips import BASE, LOCAL, OURS, PEER

Figures = Mapping[str, Any]

TYPING: Final = "typing"  # what the names of sets of real typing begin with
TYPING_TOP: Final = {"top1": 0.65, "top3": 0.85}  # shares of mistakes in real typing
HARM_IN_CONTEXT: Final = 0.01  # share of good words altered
HARM_ALONE: Final = 0.02
NEXT_TOP: Final = {"top1": 0.12, "top3": 0.20}  # shares of the words of text messages, knowing nobody
TEXTERS: Final = "nus"  # the kind of people who text
MANNERS: Final = {"file": 0.95, "kind": 0.80}  # shares of rows that are right, of a file and of a kind
MANNERS_UNSEEN: Final = {"file": 0.90, "kind": 0.0}  # the same, of rows that nothing was made with
PUT_RIGHT: Final = "still put right"  # the kind of row of which none may be wrong
SUGGEST_MS: Final = 16.0
RECORD_MS: Final = 5.0
OPEN_S: Final = 1.0
ADDED_BYTES: Final = 100e6
ESTIMATED: Final = ("all_bytes", "all_seconds", "device_memory", "trainer_memory", "trainer_seconds")
ESTIMATE_WITHIN: Final = 0.25
SYNC_OVER_IDLE: Final = 1.5
SYNC_ADDED_BYTES: Final = 20e6
OF_CONCRETE: Final = {  # shares of what Concrete's client takes in the same run
    "keys_seconds": 0.35,
    "keys_peak_bytes": 0.25,
    "first_report_peak_bytes": 0.25,
    "first_report_seconds": 0.40,
}
IMPORT_S: Final = 0.2  # of the processor
HEALTH_MS: Final = 1000.0  # the slowest answer of the probe among strangers
API_MS: Final = 150.0  # everything but the key upload, while workers are saturated


def behind_peers(figures: Figures) -> list[str]:
    """Return where another speller corrects or offers as much as we do, on the same rows of one set."""
    ours = {row["corpus"]: row for row in figures["rows"] if row["engine"] == OURS}
    return [
        f"{row['corpus']}: {name} {ours[row['corpus']][name]:.1%}, {row['engine']} {row[name]:.1%}"
        for row in figures["rows"]
        for name in ("top1", "top3")
        if row["engine"] != OURS and ours[row["corpus"]][name] <= row[name]
    ]


def short_on_typing(figures: Figures) -> list[str]:
    """Return what we correct and offer too seldom where people really typed."""
    return [
        f"{row['corpus']}: {name} {row[name]:.1%}"
        for row in figures["rows"]
        for name, least in TYPING_TOP.items()
        if row["engine"] == OURS and row["corpus"].startswith(TYPING) and row[name] < least
    ]


def harmful(figures: Figures) -> list[str]:
    """Return the sets whose good words we alter too often; more is forgiven where they stand alone."""
    in_context = {one["corpus"]: 2 * one["with_context"] > one["rows"] for one in figures["corpora"]}
    return [
        f"{row['corpus']}: harm {row['harm']:.2%}"
        for row in figures["rows"]
        if row["engine"] == OURS
        and row["harm"] > (HARM_IN_CONTEXT if in_context[row["corpus"]] else HARM_ALONE)
    ]


def short_on_next_words(figures: Figures) -> list[str]:
    """Return what we offer too seldom to people who text, or not more often than the trigram model."""
    found = {(row["engine"], row["rung"]): row for row in figures["groups"] if row["kind"] == TEXTERS}
    least = {(BASE, name): share for name, share in NEXT_TOP.items()}
    return [
        f"{rung}: {name} {found[OURS, rung][name]:.1%}, trigram {found[PEER, rung][name]:.1%}"
        for rung in (BASE, LOCAL)
        for name in NEXT_TOP
        if found[OURS, rung][name] < least.get((rung, name), 0.0)
        or found[OURS, rung][name] <= found[PEER, rung][name]
    ]


def unmannerly(figures: Figures, least: Mapping[str, float] = MANNERS) -> list[str]:
    """Return the files and kinds of which too few rows are right."""
    return [
        f"{one[name]}: {one['right']:.1%} of {one['n']}"
        for name, group in (("file", "files"), ("kind", "kinds"))
        for one in figures[group]
        if one["right"] < (1.0 if name == "kind" and one[name] == PUT_RIGHT else least[name])
    ]


def unshown(figures: Figures) -> list[str]:
    """Return the kinds in which a space inserts what the strip has not shown."""
    return [f"{one['kind']}: {one['not_in_strip']}" for one in figures["kinds"] if one["not_in_strip"]]


def heavy(figures: Figures) -> list[str]:
    """Return what the keyboard takes too much of, busy machine or not."""
    found = [f"loads {name}" for name in figures["heavy_modules"]]
    added = figures["added_rss_bytes"]
    return found + ([f"{added / 1e6:.0f} MB"] if added > ADDED_BYTES else [])


def slow(figures: Figures) -> list[str]:
    """Return which times are too long; they hold on an idle machine."""
    limits = {"suggest_p95_ms": SUGGEST_MS, "record_p95_ms": RECORD_MS, "open_s": OPEN_S}
    return [f"{name} {figures[name]:.2f}" for name, most in limits.items() if figures[name] > most]


def short_on_syncing(figures: Figures) -> list[str]:
    """Return what a sync costs beyond its estimate, and what the host notices of it."""
    host, over = figures["host"], figures["measured_over_estimated"]
    found = [
        f"{name}: measured {ratio:.2f} of the estimate"
        for name, ratio in over.items()
        if name in ESTIMATED and abs(ratio - 1.0) > ESTIMATE_WITHIN
    ]
    if host["sync_over_idle"] > SYNC_OVER_IDLE:
        found.append(f"suggest during a sync takes {host['sync_over_idle']:.2f} times as long")
    if host["added_rss_bytes"] > SYNC_ADDED_BYTES:
        found.append(f"the host grows by {host['added_rss_bytes'] / 1e6:.1f} MB")
    return found + [f"the host loads {name}" for name in host["heavy_modules"]]


def dear(figures: Figures) -> list[str]:
    """Return what the device's encryption takes too much of, beside Concrete's client in the same run."""
    over = figures["ours_over_concrete"]
    return [f"{name} {over[name]:.2f}" for name, most in OF_CONCRETE.items() if over[name] > most]


def slow_to_import(figures: Figures) -> list[str]:
    """Return whether the device's encryption imports too slowly; it holds where nothing else runs."""
    seconds = figures["ours"]["import_seconds"]
    return [f"import {seconds:.2f} s"] if seconds > IMPORT_S else []


def unreliable(figures: Figures) -> list[str]:
    """Return what a trainer under load lost, did twice or did not take."""
    return [f"{figures[name]} {name}" for name in ("lost", "duplicated", "refused") if figures[name]]


def besieged(figures: Figures) -> list[str]:
    """Return who waited too long among strangers; it holds where the machine has nothing else to do."""
    found = [f"{figures[name]} {name}" for name in ("errors", "health_missed") if figures[name]]
    if figures["api_p95_ms"] > API_MS:
        found.append(f"p95 {figures['api_p95_ms']:.0f} ms")
    if figures["health_worst_ms"] > HEALTH_MS:
        found.append(f"health {figures['health_worst_ms']:.0f} ms")
    return found


def slow_service(figures: Figures) -> list[str]:
    """Return whether devices waited too long; it holds where the machine has nothing else to do."""
    p95 = figures["api_p95_ms"]
    return [f"p95 {p95:.0f} ms"] if p95 > API_MS else []
