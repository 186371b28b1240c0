"""Updates that are not what training gives: the old adapter stays, and the trainer cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import ErrorCode, Outcome, Personalizer, Step, Untrusted
from quietkeys.arrays import Int64
from quietkeys.profile.outbox import OpenReport
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import Answer, Request, Transport
from quietkeys.remote.identity import identity_for
from quietkeys.sync.context import SyncContext
from quietkeys.sync.settle import Settled, settle
from quietkeys.testing.fakes import decode_clear, encode_clear, noop_plan_hash
from quietkeys.testing.trainer import Training, train
from quietkeys.updates.gate import TOLERANCE, check_against_reference, distance, weights_of
from quietkeys_protocol.containers import Update, decode_update, encode_update
from quietkeys_protocol.plan import Plan
from tests.sdk.conftest import Rig
from tests.sdk.transports import Seen, Transcript

Change = Callable[[Update], bytes]


def zeros(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """All weights zero."""
    return [np.zeros_like(array) for array in train(plan, arrays)]


def extremes(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """All weights at their limit."""
    return [np.full(field.size, field.high) for field in plan.update_fields]


def beyond(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """All weights past their limit."""
    return [np.full(field.size, field.high + 1) for field in plan.update_fields]


def reversed_signs(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """The right update the wrong way round."""
    return [-array for array in train(plan, arrays)]


def someone_elses(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """The update of a device that typed something else."""
    rng = np.random.default_rng(3)
    return train(plan, [rng.permutation(array) for array in arrays])


def swapped(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """The weights of one block in another's order."""
    return [array[::-1].copy() for array in train(plan, arrays)]


@pytest.mark.parametrize("training", [zeros, extremes, beyond, reversed_signs, someone_elses, swapped])
def test_what_training_cannot_give_is_refused(rig: Rig, training: Training) -> None:
    """Every wrong result leaves the old adapter in use, and the ledger says so in words."""
    rig.trainer.training = training
    with rig.open_learned() as keyboard:
        assert keyboard.sync().outcome is Outcome.UNTRUSTED
        assert keyboard.status().adapter_version == 0
        assert "Nothing was changed" in keyboard.ledger()[-1].text


@pytest.mark.parametrize("training", [extremes, beyond])
def test_what_comes_of_a_dummy_is_not_looked_at(rig: Rig, training: Training) -> None:
    """An honest encrypted run makes noise of zeros: nobody is told that the trainer cheated."""
    rig.trainer.training = training
    with rig.open() as keyboard:
        assert keyboard.sync().outcome is Outcome.DUMMY
        assert keyboard.status().adapter_version == 0


@pytest.mark.parametrize("off", [-1, 1])
def test_the_range_is_checked_first(plan: Plan, off: int) -> None:
    """Each end of each field is the last that is taken; errors name the block, not the value."""
    for place, field in enumerate(plan.update_fields):
        edge = field.high if off > 0 else field.low
        arrays = [np.zeros(one.size, np.int64) for one in plan.update_fields]
        arrays[place][-1] = edge
        weights_of(plan, arrays)
        arrays[place][-1] = edge + off
        with pytest.raises(Untrusted) as caught:
            weights_of(plan, arrays)
        assert field.block in str(caught.value)
        assert str(edge + off) not in str(caught.value)


def test_rounding_of_an_encrypted_run_is_accepted(rig: Rig) -> None:
    """Weights that are a few units off, as approximate rounding leaves them, are judged and applied."""
    rng = np.random.default_rng(0)
    rig.trainer.training = lambda plan, arrays: [
        array + rng.integers(-8, 9, array.shape) for array in train(plan, arrays)
    ]
    with rig.open_learned() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED


class Changing:
    """A transport that changes the update container on its way."""

    def __init__(self, trainer: Transport, change: Change) -> None:
        self._trainer, self._change = trainer, change

    def send(self, request: Request) -> Answer:
        """Deliver, then change an update."""
        answer = self._trainer.send(request)
        if not request.path.endswith("/update"):
            return answer
        return Answer(answer.status, answer.headers, self._change(decode_update(answer.content)))


CHANGES: list[tuple[str, Change, Outcome]] = [
    ("truncated", lambda u: encode_update(u)[:-1], Outcome.UNTRUSTED),
    ("trailing byte", lambda u: encode_update(u) + b"x", Outcome.UNTRUSTED),
    ("nothing", lambda _: b"", Outcome.UNTRUSTED),
    ("another version", lambda u: b"QKU9" + encode_update(u)[4:], Outcome.UNTRUSTED),
    (
        "another plan",
        lambda u: encode_update(Update(bytes(32), u.key_id, u.job_id, u.ciphertexts)),
        Outcome.UNTRUSTED,
    ),
    (
        "another device's key",
        lambda u: encode_update(Update(u.plan_hash, bytes(32), u.job_id, u.ciphertexts)),
        Outcome.UNTRUSTED,
    ),
    (
        "an older job's",
        lambda u: encode_update(Update(u.plan_hash, u.key_id, bytes(16), u.ciphertexts)),
        Outcome.UNTRUSTED,
    ),
    (
        "a value missing",
        lambda u: encode_update(Update(u.plan_hash, u.key_id, u.job_id, u.ciphertexts[:-1])),
        Outcome.UNDECRYPTABLE,
    ),
    (
        "blocks swapped",
        lambda u: encode_update(Update(u.plan_hash, u.key_id, u.job_id, u.ciphertexts[::-1])),
        Outcome.UNDECRYPTABLE,
    ),
    (
        "noise",
        lambda u: encode_update(
            Update(u.plan_hash, u.key_id, u.job_id, tuple(b"?" * len(value) for value in u.ciphertexts))
        ),
        Outcome.UNDECRYPTABLE,
    ),
]


@pytest.mark.parametrize(("change", "outcome"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_changed_container_is_refused(rig: Rig, change: Change, outcome: Outcome) -> None:
    """Whatever was done to an update on its way, the old adapter stays and the next sync starts anew."""
    with rig.open_learned(transport=Changing(rig.trainer, change)) as keyboard:
        assert keyboard.sync().outcome is outcome
        assert keyboard.status().adapter_version == 0
        assert keyboard.status().open_report == ""


def test_the_last_good_adapter_survives_bad_updates(rig: Rig) -> None:
    """After a bad update the adapter applied before it is still in use; rolling back leads to none."""
    with rig.open_learned() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
        rig.trainer.training = extremes
        assert keyboard.sync().outcome is Outcome.UNTRUSTED
        assert keyboard.status().adapter_version == 1
    with rig.open() as keyboard:
        assert keyboard.status().adapter_version == 1
        assert keyboard.rollback() == 0
        assert "went back" in keyboard.ledger()[-1].text


def test_rolling_back_leads_through_the_versions(rig: Rig) -> None:
    """Each roll-back goes one applied version back, and a new update is a new version."""
    with rig.open_learned() as keyboard:
        versions = [keyboard.sync().adapter_version for _ in range(3)]
        applied = sorted(set(versions))
        assert applied[:2] == [1, 2]
        assert [keyboard.rollback() for _ in range(len(applied) + 1)] == [*applied[-2::-1], 0, 0]
        assert keyboard.sync().adapter_version == applied[-1] + 1


def transcript(rig: Rig, name: str, training: Training, change: Change | None) -> list[Seen]:
    """What the trainer sees of three syncs, the first of them with this update."""
    rig.trainer.training = training
    inner = rig.trainer if change is None else Changing(rig.trainer, change)
    waited: list[float] = []
    noted = Transcript(inner, waited)
    rig.waited = waited
    with rig.open_learned(name, transport=noted) as keyboard:
        first = keyboard.sync().outcome
        rig.trainer.training = train
        noted.trainer = rig.trainer
        keyboard.sync()
        noted.seen.append(Seen("", first.value, (), 0, 0))
        keyboard.sync()
    return noted.seen


def test_the_trainer_cannot_tell_what_became_of_an_update(rig: Rig) -> None:
    """Accepted, refused, wild, undecryptable: the same requests, headers, lengths, order and pauses."""
    cases: dict[str, tuple[Training, Change | None]] = {
        "accepted": (train, None),
        "zeros": (zeros, None),
        "extremes": (extremes, None),
        "beyond": (beyond, None),
        "undecryptable": (train, CHANGES[-1][1]),
        "truncated": (train, CHANGES[0][1]),
    }
    seen = {name: transcript(rig, name, *case) for name, case in cases.items()}
    outcomes = {line.route for lines in seen.values() for line in lines if not line.method}
    assert outcomes == {Outcome.APPLIED, Outcome.UNTRUSTED, Outcome.UNDECRYPTABLE}
    visible = {name: [line for line in lines if line.method] for name, lines in seen.items()}
    assert len(visible["accepted"]) > 10
    assert all(lines == visible["accepted"] for lines in visible.values())


def test_the_transcript_shows_a_leak(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that asked once more after refusing an update would be noticed by the test above."""
    honest = transcript(rig, "honest", zeros, None)

    def leaking(
        context: SyncContext, report: OpenReport, container: bytes, begin: Callable[[Step], None]
    ) -> Settled:
        settled = settle(context, report, container, begin)
        if settled.outcome is Outcome.UNTRUSTED:
            client = TrainerClient(
                identity_for(context.profile, context.trainer, context.store.database.key),
                context.transport,
                context.environment,
            )
            client.job(report.job)
        return settled

    monkeypatch.setattr("quietkeys.sync.run.settle", leaking)
    assert transcript(rig, "leaking", zeros, None) != honest


def test_a_report_is_sent_whatever_the_weights(rig: Rig) -> None:
    """Weights from which no report can be encoded do not keep one from being sent, at the same size."""
    with rig.open_learned() as keyboard:
        size = keyboard.sync().bytes_sent["report"]
        adapters = keyboard._model.adapters
        wild = {
            block.name: np.full(block.width, block.weight_limit)
            for block in keyboard._model.predictor.plan.blocks
        }
        with keyboard._profile.store.transaction():
            adapters.apply(wild)
        assert keyboard.sync().bytes_sent["report"] == size


@given(st.data())
def test_random_weights_are_refused_or_near(plan: Plan, data: st.DataObject) -> None:
    """Anything within range is either refused or within the tolerance of the reference."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    sent = [
        rng.integers(field.low // share, field.high // share + 1, field.size)
        for field, share in zip(plan.report_fields, [2, 64] * len(plan.blocks), strict=True)
    ]
    arrays = [rng.integers(field.low, field.high + 1, field.size) for field in plan.update_fields]
    scale = data.draw(st.floats(0.0, 1.0))
    right = train(plan, sent)
    mixed = [np.rint(r + scale * (a - r)).astype(np.int64) for r, a in zip(right, arrays, strict=True)]
    weights = {block.name: array for block, array in zip(plan.blocks, mixed, strict=True)}
    far = [distance(b, weights[b.name], r) > TOLERANCE for b, r in zip(plan.blocks, right, strict=True)]
    if any(far):
        with pytest.raises(Untrusted) as caught:
            check_against_reference(plan, sent, weights)
        assert caught.value.code is ErrorCode.UPDATE_UNTRUSTED
    else:
        check_against_reference(plan, sent, weights)


def test_a_fake_cannot_be_taken_for_the_real_thing(plan: Plan, keyboard: Personalizer) -> None:
    """Reports of the no-op cipher name a plan that nobody serves, and their values say what they are."""
    assert noop_plan_hash(plan) != plan.hash
    field = plan.report_fields[0]
    value = encode_clear(np.arange(field.size))
    assert b"in the clear" in value
    assert decode_clear(value, field).tolist() == list(range(field.size))
    assert keyboard._link.context().cipher.plan_hash() == noop_plan_hash(plan)
