"""The checks of what is promised, on figures that were made up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import promises


def row(engine: str, corpus: str, top1: float, top3: float, harm: float = 0.0) -> dict[str, Any]:
    """Return a row of `quietkeys bench autocorrect`."""
    return {"engine": engine, "corpus": corpus, "top1": top1, "top3": top3, "harm": harm}


def corrections(*rows: dict[str, Any]) -> dict[str, Any]:
    """Return figures with these rows, of two sets: one with context, one without."""
    described = [
        {"corpus": "typing_made", "rows": 10, "with_context": 9},
        {"corpus": "list", "rows": 10, "with_context": 0},
    ]
    return {"rows": list(rows), "corpora": described}


def test_a_peer_that_is_as_good_is_named() -> None:
    """Ahead means ahead, on every set, of every peer, first word and strip."""
    good = corrections(row("quietkeys", "list", 0.7, 0.9), row("other", "list", 0.6, 0.8))
    tied = corrections(row("quietkeys", "list", 0.7, 0.9), row("other", "list", 0.7, 0.95))
    assert promises.behind_peers(good) == []
    assert promises.behind_peers(tied) == [
        "list: top1 70.0%, other 70.0%",
        "list: top3 90.0%, other 95.0%",
    ]


def test_real_typing_has_shares_of_its_own() -> None:
    """Lists of misspellings have none, and neither have peers."""
    figures = corrections(
        row("quietkeys", "typing_made", 0.64, 0.85),
        row("quietkeys", "list", 0.1, 0.1),
        row("o", "typing", 0, 0),
    )
    assert promises.short_on_typing(figures) == ["typing_made: top1 64.0%"]


@pytest.mark.parametrize(("harm", "sets"), [(0.01, 0), (0.011, 1), (0.021, 2)])
def test_words_without_context_may_be_altered_more_often(harm: float, sets: int) -> None:
    """One in a hundred in context, two in a hundred alone."""
    figures = corrections(row("quietkeys", "typing_made", 1, 1, harm), row("quietkeys", "list", 1, 1, harm))
    assert len(promises.harmful(figures)) == sets


@pytest.mark.parametrize(
    ("base", "local", "missed"), [(0.21, 0.26, 0), (0.19, 0.26, 2), (0.21, 0.25, 2), (0.13, 0.2, 4)]
)
def test_next_words_are_promised_to_people_who_text(base: float, local: float, missed: int) -> None:
    """Against shares of their own, and against the trigram model on either rung."""
    ours = [("quietkeys", "base", base), ("quietkeys", "local", local)]
    peers = [("trigram", "base", 0.18), ("trigram", "local", 0.25)]
    groups = [
        {"kind": kind, "engine": engine, "rung": rung, "top1": share - 0.08, "top3": share}
        for kind in ("nus", "mail")
        for engine, rung, share in (*ours, *peers)
        if kind == "nus" or engine == "trigram"
    ]
    assert len(promises.short_on_next_words({"groups": groups})) == missed


def test_manners_are_promised_of_files_and_of_kinds() -> None:
    """Rows that nothing was made with have a share of their own; what is to be put right always is."""
    figures = {
        "files": [{"file": "shared", "n": 90, "right": 0.94, "not_in_strip": 2}],
        "kinds": [
            {"kind": "units", "n": 5, "right": 0.8, "not_in_strip": 0},
            {"kind": "names", "n": 4, "right": 0.75, "not_in_strip": 2},
            {"kind": promises.PUT_RIGHT, "n": 40, "right": 0.975, "not_in_strip": 0},
        ],
    }
    missed = ["names: 75.0% of 4", "still put right: 97.5% of 40"]
    assert promises.unmannerly(figures) == ["shared: 94.0% of 90", *missed]
    assert promises.unmannerly(figures, promises.MANNERS_UNSEEN) == missed[1:]
    assert promises.unshown(figures) == ["names: 2"]


def test_time_memory_and_modules() -> None:
    """Each is told apart: times hold on an idle machine only."""
    times = {"suggest_p95_ms": 15.9, "record_p95_ms": 4.9, "open_s": 0.9}
    light = {"heavy_modules": [], "added_rss_bytes": 99_000_000, **times}
    assert promises.heavy(light) == promises.slow(light) == []
    slower = {"suggest_p95_ms": 17, "record_p95_ms": 6, "open_s": 2}
    other = {"heavy_modules": ["torch"], "added_rss_bytes": 101_000_000, **slower}
    assert promises.heavy(other) == ["loads torch", "101 MB"]
    assert promises.slow(other) == ["suggest_p95_ms 17.00", "record_p95_ms 6.00", "open_s 2.00"]


def test_encryption_is_promised_beside_concretes() -> None:
    """Shares of one run hold on any machine, seconds of importing on an idle one."""
    figures = {"ours_over_concrete": dict(promises.OF_CONCRETE), "ours": {"import_seconds": 0.2}}
    assert promises.dear(figures) == promises.slow_to_import(figures) == []
    for name in promises.OF_CONCRETE:
        over = promises.OF_CONCRETE | {name: 0.5}
        assert promises.dear({"ours_over_concrete": over}) == [f"{name} 0.50"]
    assert promises.slow_to_import({"ours": {"import_seconds": 0.21}}) == ["import 0.21 s"]
