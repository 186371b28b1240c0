"""Round after round: counted under the adapter in use, with public evidence, within bounds, and no worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietkeys import Outcome, Untrusted
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.counting import Choices, Lean, Masses, come_first, count, hopes, scores
from quietkeys.prediction.events import EventMap
from quietkeys.prediction.model import Model
from quietkeys.prediction.public_choices import PublicChoices, parse_public_choices
from quietkeys.profile.outbox import Outbox
from quietkeys.sync.settle import held_out_choices
from quietkeys.testing.trainer import train
from quietkeys.updates.evidence import EACH, TIMES, evidence, own_words
from quietkeys.updates.gate import (
    EVENT_BOUND,
    FORGOTTEN,
    NORM_BOUND,
    SUM_BOUND,
    forgotten,
    is_bearable,
    judge,
    within,
)
from quietkeys.updates.report import FIELD_SHARE, encode, encoded, share_among
from quietkeys.updates.steps import FINER, stepped
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from tests.sdk.conftest import Rig

SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def public(models: dict[str, Model]) -> PublicChoices:
    """The small bundle's public choices."""
    return parse_public_choices(models["qwerty"].public, models["qwerty"].events)


def some_weights(plan: Plan, seed: int, size: float = 0.2) -> Weights:
    """Weights that move events by some nats."""
    rng = np.random.default_rng(seed)
    return Weights(
        1, {b.name: np.rint(rng.normal(0, size / b.z_unit, b.width)).astype(int) for b in plan.blocks}
    )


def some_masses(plan: Plan, seed: int, scale: float) -> dict[str, Masses]:
    """Counts of somebody with strong habits."""
    rng = np.random.default_rng(seed)

    def one_sided(size: int) -> Masses:
        volume, side = rng.exponential(scale, size), rng.random(size) ** 4
        return Masses(volume * side, volume * (1.0 - side))

    return {block.name: one_sided(len(block.events)) for block in plan.blocks}


def total(masses: Mapping[str, Masses]) -> float:
    """All mass."""
    return float(sum(both.evidence_for.sum() + both.evidence_against.sum() for both in masses.values()))


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 100.0), SEEDS)
def test_public_evidence_grows_with_ones_own(
    models: dict[str, Model], public: PublicChoices, plan: Plan, times: float, seed: int
) -> None:
    """Whoever has typed so many times as much gets as many times the public evidence: their sum scales."""
    events, adapter = models["qwerty"].events, adapter_of(plan, some_weights(plan, seed))
    own = public.mistakes
    once = evidence(events, plan, (own, np.ones(len(own))), public, adapter)
    often = evidence(events, plan, (own, np.full(len(own), times)), public, adapter)
    for block, both in often.items():
        np.testing.assert_allclose(both.evidence_for, times * once[block].evidence_for, rtol=1e-9)
        np.testing.assert_allclose(both.evidence_against, times * once[block].evidence_against, rtol=1e-9)
    nothing = evidence(events, plan, (Choices.of(events, []), np.zeros(0)), public, adapter)
    assert total(nothing) == 0.0


def test_public_evidence_is_weighed_per_thousand_words(
    models: dict[str, Model], public: PublicChoices, plan: Plan
) -> None:
    """Somebody who types as the made-up people do, word for word, gets w times their counts, and mistakes."""
    events, none = models["qwerty"].events, adapter_of(plan, some_weights(plan, 0, 0.0))
    lean = Lean.none(events)
    own = public.text, np.ones(len(public.text))
    assert own_words(len(public.text), public) == pytest.approx(public.words)
    counted = evidence(events, plan, own, public, none, 3.0, 0.5)["channel"].evidence_for
    text, mistakes = (
        count(events, one, lean, EACH * hopes(one, scores(one, lean)))["channel"].evidence_for
        for one in (public.text, public.mistakes)
    )
    each = 0.5 * TIMES["channel"] * public.words / len(public.mistakes)
    np.testing.assert_allclose(counted, (1.0 + 3.0) * text + each * mistakes, rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(0.01, 300.0), st.booleans())
def test_no_report_leaves_its_field(plan: Plan, seed: int, scale: float, joint: bool) -> None:
    """Whatever was counted, under whatever adapter, z stays inside from the first step to the last."""
    masses = some_masses(plan, seed, scale)
    under = some_weights(plan, seed, 1.0)
    for block in plan.blocks:
        z = block.A @ under.by_block[block.name] * block.z_unit
        encoded = encode(block, masses[block.name], z, sources=2 if joint else 1)
        trained, reach = reference(block, encoded.strength, encoded.gradient)
        most = FIELD_SHARE * (1 << (block.z_bits - 1))
        assert -most <= reach.z_low and reach.z_high <= most
        assert np.abs(block.A @ trained).max() <= most
        assert np.abs(encoded.gradient).max() <= block.gradient_limit


@given(SEEDS, SEEDS, st.sampled_from([2, 3, 4]))
def test_sums_of_strengths_keep_away_from_edges_between_codes(
    plan: Plan, one: int, other: int, sources: int
) -> None:
    """Devices may hold different codes: noise does not decide about the sum's, which is the higher one."""
    for block in plan.blocks:
        masses = [some_masses(plan, seed, 1.0)[block.name] for seed in (one, other)]
        parts = [encode(block, masses[source % 2], sources=sources) for source in range(sources)]
        shares = [
            share_among(part, sources, np.random.default_rng([one, source]))
            for source, part in enumerate(parts)
        ]
        total = np.sum([share.strength for share in shares], axis=0)
        step = (block.strength_max + 1) // 16
        bits = np.array(block.plane_tables)
        edges = [level * step for level in range(1, 16) if (bits[:, level] != bits[:, level - 1]).any()]
        away = np.abs(total[:, None] - np.array(edges)).min(axis=1)
        if block.planes == 1:
            assert away.min() >= step // 4
            highest = np.max([bits[0, part.strength // step] for part in parts], axis=0)
            assert (bits[0, total // step] == highest).all()


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(2, 4), st.floats(0.1, 100.0))
def test_sums_of_devices_stay_inside(plan: Plan, seed: int, sources: int, scale: float) -> None:
    """One person's devices, each under an adapter of its own, add up to what trains inside the field."""
    rng = np.random.default_rng(seed)
    habits = some_masses(plan, seed, 1.0)
    for block in plan.blocks:
        strength, gradient = np.zeros(len(block.events), int), np.zeros(block.width, int)
        for source in range(sources):
            volume = rng.exponential(scale, len(block.events))
            both = habits[block.name]
            own = Masses(volume * both.evidence_for, volume * both.evidence_against)
            z = block.A @ some_weights(plan, seed + source).by_block[block.name] * block.z_unit
            part = share_among(encode(block, own, z, sources=sources), sources, rng)
            strength, gradient = strength + part.strength, gradient + part.gradient
        _, reach = reference(block, strength, gradient)
        assert reach.inside(block).all()


def led(plan: Plan, base: Weights, masses: Mapping[str, Masses], sources: int = 1) -> Weights:
    """Where a round leads, in the clear, of sources that all sent the same."""
    sent = encoded(plan, masses, base, sources)
    step = {
        block.name: reference(block, sent[block.name].strength, sent[block.name].gradient)[0]
        for block in plan.blocks
    }
    return Weights(base.version + 1, stepped(plan, base, step, sources))


@settings(deadline=None, max_examples=10)
@given(SEEDS, st.floats(0.1, 100.0))
def test_rounds_never_leave_their_bounds(plan: Plan, seed: int, scale: float) -> None:
    """Counts that call for more every time lead to the bound, and no step is ever refused."""
    masses = some_masses(plan, seed, scale)
    now = some_weights(plan, seed, 0.0)
    for _ in range(12):
        now = led(plan, now, masses)
        assert within(plan, adapter_of(plan, now), SUM_BOUND)


def test_a_step_beyond_training_is_refused_whatever_it_adds_to(plan: Plan) -> None:
    """A step that no training yields does not hide behind an adapter that points the other way."""
    block = plan.blocks[0]
    far = np.full(block.width, int(0.99 * (1 << (block.z_bits - 1))))
    base = some_weights(plan, 0, 0.0)
    step = {**base.by_block, block.name: far}
    back = replace(base, by_block={**base.by_block, block.name: -far})
    assert not within(plan, adapter_of(plan, Weights(1, step)), NORM_BOUND)
    for start in (base, back):
        with pytest.raises(Untrusted):
            stepped(plan, start, step, 1)


def test_how_far_a_step_is_followed(plan: Plan) -> None:
    """The first whole, but half of what is typed as it stands, which others move as well; later ones half."""
    step = some_weights(plan, 1, 0.01).by_block
    first = stepped(plan, some_weights(plan, 0, 0.0), step, 1)
    second = stepped(plan, Weights(1, first), step, 1)
    for block in plan.blocks:
        share = 0.5 if block.name == "literal" else 1.0
        np.testing.assert_array_equal(first[block.name], np.rint(share * step[block.name]))
        later = first[block.name] + 0.5 / FINER * step[block.name]
        np.testing.assert_array_equal(second[block.name], np.rint(later))


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_a_later_step_comes_longer_and_means_the_same(plan: Plan, seed: int) -> None:
    """Alone, it is asked for FINER times as far, so that noise is that much less of it; in a circle not."""
    under = some_weights(plan, seed, 0.02)
    slight = {}  # so one-sided that rounding leaves something of it, and so little that nothing is cut off
    for name, masses in some_masses(plan, seed, 1.0).items():
        even = (masses.evidence_for + masses.evidence_against) / 2.0
        slight[name] = Masses(1.1 * even, 0.9 * even)
    found, joint = encoded(plan, slight, under), encoded(plan, slight, under, 2)
    for block in plan.blocks:
        z = block.A @ under.by_block[block.name] * block.z_unit
        meant = encode(block, slight[block.name], z)
        rounded = (FINER + 1.0) / 2.0 * np.abs(block.A).sum(axis=0)  # event by event
        np.testing.assert_array_equal(found[block.name].strength, meant.strength)
        assert (np.abs(found[block.name].gradient - FINER * meant.gradient) <= rounded).all()
        assert np.abs(found[block.name].gradient).max() > np.abs(meant.gradient).max()
        alike = encode(block, slight[block.name], z, sources=2)
        np.testing.assert_array_equal(joint[block.name].gradient, alike.gradient)


def test_of_a_step_that_forgets_less_is_followed(rig: Rig, plan: Plan) -> None:
    """As much of it as public mistakes allow, and none where they allow none."""
    with rig.open_learned() as keyboard:
        model = keyboard._model
        mistakes, base = model.public().judging, some_weights(plan, 0, 0.0)
        far = forgetting(model.events, plan, mistakes)
        step = {
            block.name: np.rint(NORM_BOUND / SUM_BOUND * far.weights[block.name] / block.z_unit).astype(
                np.int64
            )
            for block in plan.blocks
        }
        whole = adapter_of(plan, Weights(1, step))
        bearable = partial(is_bearable, model.events, plan, mistakes)
        assert not bearable(whole)
        new = Weights(1, stepped(plan, base, step, 1, bearable))
        assert bearable(adapter_of(plan, new))
        for block in plan.blocks:
            went = new.by_block[block.name]
            assert np.abs(went).max() <= 0.81 * np.abs(step[block.name]).max()
        for name, weights in stepped(plan, base, step, 1, lambda _: False).items():
            np.testing.assert_array_equal(weights, base.by_block[name])


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_devices_that_differ_come_together(plan: Plan, seed: int) -> None:
    """Two devices with different adapters that get the same joint steps end up with the same adapter."""
    rng = np.random.default_rng(seed)
    one, other = some_weights(plan, seed), some_weights(plan, seed + 1)
    joint = {b.name: np.rint(rng.normal(0, 0.2 / b.z_unit, b.width)).astype(int) for b in plan.blocks}
    for _ in range(16):
        one, other = (Weights(1, stepped(plan, start, joint, 2)) for start in (one, other))
    for block in plan.blocks:
        assert np.abs(one.by_block[block.name] - other.by_block[block.name]).max() <= 2
        assert np.abs(one.by_block[block.name] - joint[block.name]).max() <= 2


def forgetting(events: EventMap, plan: Plan, mistakes: Choices) -> Adapter:
    """An adapter that leads the other way than mistakes do, as far as any may."""
    counted = count(events, mistakes, Lean.none(events))
    weights = {}
    for block in plan.blocks:
        both = counted[block.name]
        away = (both.evidence_against - both.evidence_for) @ block.A
        z = block.A @ away
        most = block.z_unit * (1 << (block.z_bits - 1)) * SUM_BOUND / np.sqrt(np.mean(z**2))
        most = 0.99 * min(float(most), EVENT_BOUND / float(np.abs(z).max()))
        weights[block.name] = (most * away).astype(np.float32)
    return Adapter(1, weights)


def test_an_update_that_forgets_how_to_spell_is_refused(rig: Rig, plan: Plan) -> None:
    """It may guess this user's words far better: losing public mistakes is too high a price."""
    with rig.open_learned() as keyboard:
        model = keyboard._model
        events, mistakes, none = model.events, model.public().judging, keyboard._opened.adapter
        new = forgetting(events, plan, mistakes)
        assert forgotten(events, plan, mistakes, none) == 0.0
        assert forgotten(events, plan, mistakes, new) > FORGOTTEN
        held = held_out_choices(keyboard._profile.store, events)
        before, after = (scores(held, Lean.of(events, plan, one)) for one in (none, new))
        better = hopes(held, after) > hopes(held, before)
        chosen = np.flatnonzero(better & (come_first(held, after) >= come_first(held, before)))
        parts = [held.taken(at, at + 1) for at in [*chosen.tolist()] * 60]
        glad = Choices(
            np.concatenate([part.features for part in parts]),
            {b: np.concatenate([part.tables[b] for part in parts]) for b in held.tables},
            np.cumsum([len(part.features) for part in parts]),
            np.cumsum([0, *(len(part.features) for part in parts[:-1])]) + [int(p.kept[0]) for p in parts],
        )
        with_mistakes = judge(events, plan, glad, none, new, mistakes)
        without = judge(events, plan, glad, none, new, mistakes.taken(0, 0))
        assert without.applied
        assert not with_mistakes.applied and "misspellings" in with_mistakes.reason


def test_each_round_counts_under_the_adapter_in_use(rig: Rig) -> None:
    """After an update was applied the same words count otherwise; taken back, they count as before."""
    with rig.open_learned() as keyboard:
        counted = keyboard._link.context().masses
        before = counted(keyboard._opened.adapter)["channel"].evidence_for
        assert keyboard.sync().outcome is Outcome.APPLIED
        after = counted(keyboard._opened.adapter)["channel"].evidence_for
        assert not np.allclose(before, after)
        keyboard.rollback()
        again = counted(keyboard._opened.adapter)["channel"].evidence_for
        np.testing.assert_array_equal(again, before)
    with rig.open() as keyboard:
        reopened = keyboard._link.context().masses(keyboard._opened.adapter)["channel"].evidence_for
        np.testing.assert_array_equal(reopened, before)


def test_a_report_that_is_lost_costs_nothing(rig: Rig) -> None:
    """Whether or not a round was lost, the next report is made from the same counts."""
    with rig.open_learned("lucky") as lucky, rig.open_learned("unlucky") as unlucky:
        rig.trainer.training = lambda plan, arrays: [np.zeros_like(one) for one in train(plan, arrays)]
        assert unlucky.sync().outcome is Outcome.UNTRUSTED  # as good as lost
        rig.trainer.training = train
        assert lucky.sync().outcome is unlucky.sync().outcome is Outcome.APPLIED
        ours, theirs = (one._model.adapters.in_use().by_block for one in (lucky, unlucky))
        for block, weights in ours.items():
            np.testing.assert_array_equal(weights, theirs[block])


def test_a_step_is_added_to_what_it_was_counted_under(rig: Rig, plan: Plan) -> None:
    """An update that comes after a roll-back leads from the adapter that its report was counted under."""
    with rig.open_learned() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
        first = keyboard._model.adapters.in_use()
        rig.trainer.polls = 10_000
        assert keyboard.sync(wait_seconds=0.0).outcome is Outcome.PENDING
        store = keyboard._profile.store
        report = Outbox(store.database, keyboard._profile.folder, plan).open_report()
        assert report is not None and report.sources == 1
        keyboard.rollback()
        for block, base in zip(plan.blocks, report.base, strict=True):
            np.testing.assert_array_equal(base, first.by_block[block.name])
        rig.trainer.polls = 0
        if keyboard.sync().outcome is Outcome.APPLIED:
            step = dict(zip((b.name for b in plan.blocks), train(plan, report.arrays), strict=True))
            model = keyboard._model
            bearable = partial(is_bearable, model.events, plan, model.public().judging)
            due = stepped(plan, first, step, 1, bearable)
            for name, weights in keyboard._model.adapters.in_use().by_block.items():
                np.testing.assert_array_equal(weights, due[name])


def test_rounds_go_on(rig: Rig) -> None:
    """Six syncs in a row end with an answer each, none of them called strange, and nothing gets worse."""
    with rig.open_learned() as keyboard:
        outcomes = [keyboard.sync().outcome for _ in range(6)]
        assert outcomes[0] is Outcome.APPLIED
        assert set(outcomes) <= {Outcome.APPLIED, Outcome.KEPT_OLD}
        model = keyboard._model
        assert (
            forgotten(model.events, model.plan, model.public().judging, keyboard._opened.adapter) <= FORGOTTEN
        )
