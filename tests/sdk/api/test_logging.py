"""What the SDK logs: steps, outcomes and codes by name, and nothing else."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterable

import pytest

from quietkeys import ErrorCode, LedgerKind, Outcome, QuietkeysError, Step
from tests.sdk.conftest import Rig
from tests.sdk.transports import Unreachable

NAMES = {one.value for kind in (ErrorCode, LedgerKind, Outcome, Step) for one in kind}


def told(records: Iterable[logging.LogRecord]) -> list[str]:
    """The messages of ours; whatever varies in one is a name of ours too."""
    ours = [record for record in records if record.name.split(".")[0] == "quietkeys"]
    for record in ours:
        assert isinstance(record.args, tuple)
        assert set(record.args) <= NAMES
        assert record.exc_info is None
    return [record.getMessage() for record in ours]


def test_a_sync_tells_its_steps_and_its_end(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """In order, below warnings; typing tells nothing at all."""
    caplog.set_level(logging.DEBUG)
    with rig.open_learned() as keyboard:
        caplog.clear()
        keyboard.record("see", "yuo", "you")
        keyboard.suggest("see", "yuo")
        assert told(caplog.records) == []
        result = keyboard.sync()
        assert told(caplog.records) == [
            *(f"sync step: {step.value}" for step in result.seconds),
            f"sync ended: {result.outcome.value}",
        ]
        assert max(record.levelno for record in caplog.records) == logging.INFO


def test_an_error_tells_its_code(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Of a sync, and of a profile that was set aside."""
    with rig.open_learned() as keyboard:
        keyboard._profile.store.database.run("UPDATE settings SET content = x'00'")
    with rig.open(transport=Unreachable()) as keyboard, pytest.raises(QuietkeysError) as caught:
        keyboard.sync()
    assert told(caplog.records) == [
        "profile set aside: profile_recovered",
        f"sync failed: {caught.value.code.value}",
    ]


def test_nothing_is_printed_where_no_app_listens() -> None:
    """As of any library: not even a warning, before logging was set up."""
    code = "import logging, quietkeys; logging.getLogger('quietkeys.sync').warning('a warning')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == result.stderr == ""
