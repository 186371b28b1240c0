"""`make audit`: what is known of vulnerable packages, and what of it is accepted, and until when."""

from __future__ import annotations

import datetime
from pathlib import Path

from tools.audit import Accepted, accepted, complaints
from tools.image_lock import entries

DAY = datetime.date(2026, 11, 30)
KNOWN = Accepted("GHSA-1", "ray", DAY, DAY + datetime.timedelta(days=30), "It does not reach us.")


def report(name: str, *ids: str) -> dict[str, object]:
    """What pip-audit says of a package with one advisory."""
    advisory = {"id": ids[0], "aliases": list(ids[1:]), "fix_versions": ["2.0"]}
    return {"dependencies": [{"name": name, "version": "1.0", "vulns": [advisory]}]}


def test_what_is_accepted_is_no_complaint_until_its_day() -> None:
    """By any of its names, for that package alone."""
    assert list(complaints(report("ray", "PYSEC-7", "GHSA-1"), [KNOWN], DAY)) == []
    late = DAY + datetime.timedelta(days=31)
    assert len(list(complaints(report("ray", "PYSEC-7", "GHSA-1"), [KNOWN], late))) == 2
    (said,) = complaints(report("torch", "GHSA-1"), [KNOWN], DAY)
    assert said == "torch 1.0: GHSA-1, fixed in 2.0"


def test_silence_is_no_answer() -> None:
    """A package that nothing could be learnt of is a complaint."""
    silent = {"dependencies": [{"name": "ray", "skip_reason": "not found"}]}
    assert list(complaints(silent, [], DAY)) == ["ray: not asked about: not found"]


def test_what_is_accepted_is_of_packages_that_we_have(root: Path) -> None:
    """Each has a reason and a day within the year after it was accepted."""
    locked = {name for name, _ in entries((root / "requirements.lock").read_text())}
    for one in accepted():
        assert one.package in locked and len(one.why) > 40, one.id
        assert datetime.timedelta() < one.until - one.since <= datetime.timedelta(days=366), one.id
