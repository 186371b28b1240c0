"""The table of a peer's behaviours: what applies holds by a test, or is decided otherwise."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
DECISION: Final = ROOT / "docs" / "decisions" / "2026-11-30-typing-behaviours.md"
_ROW: Final = re.compile(r"\| (.+) \| (\d+) \| (holds|otherwise|not ours) \| (.+) \|")
_TEST: Final = re.compile(r"`(test_\w+)`")


def rows() -> list[tuple[str, int, str, str]]:
    """What a user sees, in how many tests of the peer, what it is with us, and what shows it or why."""
    found = map(_ROW.fullmatch, DECISION.read_text().splitlines())
    return [(row[1], int(row[2]), row[3], row[4]) for row in found if row is not None]


def test_nearly_all_that_apply_hold_or_are_decided_otherwise() -> None:
    """At least 95 of 100, and the page says the counts of its table."""
    counts: Counter[str] = Counter()
    for _, number, verdict, _ in rows():
        counts[verdict] += number
    applying = counts["holds"] + counts["otherwise"]
    said = (
        f"Of {applying + counts['not ours']} tests {applying} are of something that we have: "
        f"{counts['holds']} hold, {counts['otherwise']} are decided otherwise, 0 are open. "
        f"{counts['not ours']} are not ours."
    )
    assert said in DECISION.read_text(), said
    assert applying >= 100
    assert counts["holds"] > 2 * counts["otherwise"]


def test_what_holds_is_shown_by_a_test() -> None:
    """One that exists, for every behaviour that holds, and for those that we were asked for besides."""
    sources = [
        *(ROOT / "tests" / "sdk" / "typing").glob("test_*.py"),
        *(ROOT / "tests" / "app").glob("test_*.py"),
    ]
    tests = set(re.findall(r"def (test_\w+)", "\n".join(path.read_text() for path in sources)))
    assert all(_TEST.fullmatch(shown) for _, _, verdict, shown in rows() if verdict == "holds")
    named = set(_TEST.findall(DECISION.read_text()))
    assert len(named) >= 40
    assert named - tests == set()


def test_what_is_decided_otherwise_has_a_reason() -> None:
    """In words."""
    for seen, _, verdict, why in rows():
        if verdict != "holds":
            assert len(why.split()) >= 3, seen
