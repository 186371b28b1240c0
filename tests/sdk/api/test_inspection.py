"""`inspect`: every byte that would leave, what it hides, what is stored, what was learnt."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from quietkeys.answers import Inspection
from quietkeys.cli.main import app
from quietkeys.remote.sent import entropy_of
from quietkeys.sync.result import Outcome
from quietkeys_protocol.plan import Plan
from tests.sdk.conftest import Rig
from tests.sdk.transports import Transcript


def sizes(found: Inspection, what: str) -> int:
    """The bytes of everything whose name begins so."""
    return sum(one.size for one in found.leaves if one.what.startswith(what))


def test_before_the_first_sync_there_is_no_key_to_show(rig: Rig) -> None:
    """What the device is called, what is stored, what was learnt; nothing is made."""
    with rig.open() as keyboard:
        keyboard.record("such a", "sentence", "sentence")
        found = keyboard.inspect()
        assert not (rig.folder / "profile" / "keys").exists()
    assert not found.complete
    assert [one.size for one in found.leaves] == [32]
    assert "sentence" in dict(found.words)
    assert {one.what: one.count for one in found.stored}["database"] >= 1
    assert "sentence" not in repr(found)


def test_every_byte_of_a_sync_is_shown(rig: Rig, plan: Plan) -> None:
    """As it will leave, and as the open report's stored bytes are; what is hidden stands beside it."""
    with rig.open_learned() as keyboard:
        first = keyboard.sync()
        assert first.outcome is Outcome.APPLIED
        fresh = keyboard.inspect()
        pending = keyboard.sync(wait_seconds=0.0)
        sent = pending.bytes_sent["report"]
        stored = keyboard.inspect()
    assert fresh.complete
    assert stored.complete
    assert sizes(fresh, "report") == sizes(stored, "report") == sent
    assert sizes(fresh, "evaluation keys") == first.bytes_sent["evaluation_keys"]
    hidden = [one.hides for one in fresh.leaves if one.hides is not None]
    assert [one.count for one in hidden] == [field.size for field in plan.report_fields]
    assert any(one.not_zero for one in hidden)
    assert all(
        low.low <= one.lowest <= one.highest <= low.high
        for low, one in zip(plan.report_fields, hidden, strict=True)
    )


def test_without_a_trainer_what_is_stored_is_shown(rig: Rig) -> None:
    """An app that never syncs can show its user what it keeps."""
    with rig.open(trainer=None, transport=None) as keyboard:
        found = keyboard.inspect()
    assert found.leaves == ()
    assert not found.complete


def test_inspecting_sends_nothing(rig: Rig) -> None:
    """Not a request."""
    transcript = Transcript(rig.trainer, rig.waited)
    with rig.open_learned(transport=transcript) as keyboard:
        keyboard.sync()
        before = len(transcript.seen)
        assert before > 3
        keyboard.inspect()
    assert len(transcript.seen) == before


@pytest.mark.parametrize(
    ("counts", "bits"), [([256] * 256, 8.0), ([7], 0.0), ([1, 1], 1.0), ([0, 3, 0, 1], 0.8112781244591328)]
)
def test_entropy_is_shannons(counts: list[int], bits: float) -> None:
    """In bits per symbol; symbols that do not occur add nothing."""
    assert entropy_of(np.array(counts)) == pytest.approx(bits)


def test_the_command_shows_it(rig: Rig) -> None:
    """For a profile of the shipped bundle; a folder without one is said plainly."""
    from quietkeys import Personalizer

    folder = rig.folder / "own"
    with Personalizer.open(folder) as keyboard:
        keyboard.record("see you", "tomorrow", "tomorrow")
    said = CliRunner().invoke(app, ["inspect", str(folder)])
    assert said.exit_code == 0
    for words in ("What leaves this device", "What is stored here", "1 words are known", "tomorrow 1.0"):
        assert words in said.stdout
    absent = CliRunner().invoke(app, ["inspect", str(folder / "absent")])
    assert absent.exit_code == 2
    assert "There is no profile" in absent.stderr
