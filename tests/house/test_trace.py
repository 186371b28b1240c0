"""The tool that prints the path of a word and of a report: what it counts, and how long the path may be."""

from __future__ import annotations

import operator
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from quietkeys_trainer.engine import local
from tools.trace import ARRIVED, path_in

WORD_FILES: Final = 15  # of 29 before modules that only make sense together were joined


def test_a_word_passes_through_few_files(root: Path) -> None:
    """From `record` to the stored counts a word passes through at most so many files of ours."""
    said = subprocess.run(
        [sys.executable, root / "tools" / "trace.py", "word"], capture_output=True, text=True, check=True
    )
    *files, last = said.stdout.splitlines()
    assert files[0] == "sdk/quietkeys/personalizer.py"
    assert "sdk/quietkeys/prediction/events.py" in files
    assert last == f"{len(files)} files"
    assert len(files) <= WORD_FILES


def test_the_engine_is_where_the_tool_waits_for_it() -> None:
    """The function that ends a report's path is one of the engine's, by this name."""
    assert operator.attrgetter(ARRIVED)(local).__qualname__ == ARRIVED


def test_a_path_begins_at_its_time_and_ends_in_the_engine() -> None:
    """Files are listed once, in order, across processes; what came before and what comes after is not."""
    seen = f"1.0 old.py f\n3.0 b.py g\n2.0 a.py f\n4.0 a.py h\n5.0 engine.py {ARRIVED}\n6.0 later.py f\n"
    assert path_in(seen, begun=1.5) == ["a.py", "b.py", "engine.py"]


def test_a_report_that_did_not_arrive_has_no_path() -> None:
    """Without a run of the engine there is nothing to print."""
    with pytest.raises(ValueError, match="engine"):
        path_in("2.0 a.py f\n", begun=1.0)
