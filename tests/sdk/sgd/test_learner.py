"""The front door of an app that learns from examples: what it refuses before it sends or makes anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys.remote.http import Answer, Request
from quietkeys.sgd import Examples, SgdParameters
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, Untrusted
from tests.sgd_plans import SMALL_SGD, SPECIFICATION
from tests.sgd_side import examples, learner, parameters


class Never:
    """A transport that nothing may go through."""

    def send(self, request: Request) -> Answer:
        """Fail."""
        raise AssertionError(request.path)


def test_nothing_is_sent_without_consent(tmp_path: Path) -> None:
    """Nor are keys made for it."""
    opened = learner(tmp_path / "device", transport=Never())
    with opened as device, pytest.raises(Refused) as refused:
        device.train(examples())
    assert refused.value.code is ErrorCode.CONSENT_MISSING
    assert not (tmp_path / "device" / "keys").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        Examples(examples().values[:1], examples().labels[:1]),
        Examples(examples().values[:, :1], examples().labels),
        Examples(examples().values, examples().labels + 1),
        Examples(examples().values * np.nan, examples().labels),
    ],
)
def test_examples_that_are_none_are_refused(tmp_path: Path, wrong: Examples) -> None:
    """Fewer than a batch, other shapes, labels and numbers: before anything is sent."""
    with learner(tmp_path / "device", transport=Never()) as device:
        device.agree("Yes.")
        with pytest.raises(Refused) as refused:
            device.train(wrong)
    assert refused.value.code is ErrorCode.VALUE_OUT_OF_RANGE


def test_the_same_examples_are_kept_aside_in_every_round(tmp_path: Path) -> None:
    """Which they are only the device can tell: an example that judged an update is never learnt from."""
    with learner(tmp_path / "device") as device:
        learnt, aside = device._parted(examples())
        shuffled = examples().at(np.random.default_rng(1).permutation(len(examples())))
        again, still = device._parted(shuffled)
    assert len(learnt) + len(aside) == len(examples())
    assert len(aside) >= 12
    assert sorted(map(tuple, aside.values)) == sorted(map(tuple, still.values))
    assert sorted(map(tuple, learnt.values)) == sorted(map(tuple, again.values))


def test_a_folder_is_one_process_at_a_time_and_remembers(tmp_path: Path) -> None:
    """What was agreed to is there when it is opened again; nothing can be read in its files."""
    with learner(tmp_path / "device") as device:
        device.agree("A statement that nobody else reads.")
        with pytest.raises(Refused) as refused:
            learner(tmp_path / "device")
        assert refused.value.code is ErrorCode.PROFILE_LOCKED
    with learner(tmp_path / "device") as device:
        assert device._state.now.consent == "A statement that nobody else reads."
        assert device.weights.tolist() == [0.0, 0.0]
        assert device.predict(examples().values).tolist() == [0.5] * len(examples())
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"statement" not in content


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    """Never guessed at."""
    with learner(tmp_path / "device") as device:
        device.agree("Yes.")
    (tmp_path / "device" / "state").write_bytes(b"else")
    with pytest.raises(Untrusted) as refused:
        learner(tmp_path / "device")
    assert refused.value.code is ErrorCode.PROFILE_DAMAGED


@pytest.mark.parametrize(
    ("plan", "specification", "code"),
    [
        (b"{}", SPECIFICATION.read_bytes(), ErrorCode.PLAN_INVALID),
        (
            SMALL_SGD.canonical.replace(b"9.094947017729282e-13", b"0.01"),
            SPECIFICATION.read_bytes(),
            ErrorCode.PLAN_INVALID,
        ),
        (SMALL_SGD.canonical, b"{}", ErrorCode.SPECIFICATION_UNTRUSTED),
        (
            SMALL_SGD.canonical,
            SPECIFICATION.read_bytes().replace(b'"levelCount":1', b'"levelCount":2', 1),
            ErrorCode.SPECIFICATION_UNTRUSTED,
        ),
    ],
)
def test_a_device_makes_no_keys_for_what_it_does_not_know(
    plan: bytes, specification: bytes, code: ErrorCode
) -> None:
    """An error probability that nobody accepted by name, a specification that is not shipped: refused."""
    with pytest.raises(QuietkeysError) as refused:
        SgdParameters.of(plan, specification, parameters().specification.hash)
    assert refused.value.code is code
