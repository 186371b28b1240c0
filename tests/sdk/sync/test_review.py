"""What later typing says of an update; and reports from before there is anything to say."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from quietkeys import Outcome, Personalizer, Policy, TryAgain
from quietkeys.bundle.networks import Adapter
from quietkeys.profile.settings import ADAPTER_BORN, CANDIDATE
from quietkeys.sync.settle import held_out_choices
from quietkeys.testing.fakes import decode_clear
from quietkeys.updates.gate import MINIMUM_EVENTS, SUM_BOUND, harm, judge
from quietkeys.updates.versions import adapter_of
from quietkeys_protocol.containers import Report, decode_report
from quietkeys_protocol.plan import Plan
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.transports import AnswersLost
from tests.sdk.unsealing import change_setting

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEFT = {row[place]: row[max(place - 1, 0)] for row in _ROWS for place in range(len(row))}


def to_the_left(word: str, rng: np.random.Generator) -> str:
    """A word as typed by fingers that land one key to the left at a third of the letters."""
    return "".join(_LEFT[letter] if letter in _LEFT and rng.random() < 0.3 else letter for letter in word)


def type_more(keyboard: Personalizer, *, left: bool, seed: int = 8, lines: int = 160) -> int:
    """Type on, with slips to the left or to the right; return how many more words judge updates."""
    rng, slip = np.random.default_rng(seed), to_the_left if left else small.slipped
    before = len(keyboard._profile.store.held_out())
    for context, word in small.tokens(seed, lines):
        keyboard.record(context, slip(word, rng), word)
    return len(keyboard._profile.store.held_out()) - before


def keep_strange_words(keyboard: Personalizer, lines: int = 160) -> int:
    """Keep what slips make of words, as if they were meant; return how many more judge updates."""
    rng, before = np.random.default_rng(9), len(keyboard._profile.store.held_out())
    for context, word in small.tokens(9, lines):
        strange = small.slipped(word, rng)
        keyboard.record(context, strange, strange)
    return len(keyboard._profile.store.held_out()) - before


def kinds(keyboard: Personalizer) -> list[str]:
    """What the ledger tells."""
    return [line.kind for line in keyboard.ledger()]


def reports(rig: Rig) -> list[Report]:
    """What the trainer took."""
    return [job.report for job in rig.trainer.jobs.values()]


def says_nothing(plan: Plan, report: Report) -> bool:
    """Whether a report holds zeros only, as a trainer with the secret key would see."""
    pairs = zip(report.ciphertexts, plan.report_fields, strict=True)
    return not any(decode_clear(value, field).any() for value, field in pairs)


def test_the_first_reports_are_dummies(any_rig: Rig, plan: Plan) -> None:
    """Until there is enough to judge by, zeros go the same way and at the same size; then counts do."""
    with any_rig.open() as keyboard:
        first = keyboard.sync()
        assert (first.outcome, first.adapter_version) == (Outcome.DUMMY, 0)
        type_more(keyboard, left=False, lines=20)
        assert 0 < len(keyboard._profile.store.held_out()) < MINIMUM_EVENTS
        second = keyboard.sync()
        assert second.outcome is Outcome.DUMMY
        assert "empty report" in keyboard.ledger()[-1].text
        assert next(line.text for line in keyboard.ledger() if line.kind == "report_sent").startswith(
            "An empty"
        )
        type_more(keyboard, left=False, lines=220)
        third = keyboard.sync()
        assert third.outcome is Outcome.APPLIED
        steps = [list(result.seconds)[-6:] for result in (first, second, third)]
        assert steps[0] == steps[1] == steps[2]
        sizes = [(result.bytes_sent["report"], result.bytes_received["update"]) for result in (first, third)]
        assert sizes[0] == sizes[1]
    assert [says_nothing(plan, report) for report in reports(any_rig)] == [True, True, False]
    assert [method for method, path in any_rig.trainer.requests if path.endswith("/update")] == ["GET"] * 3


def test_the_policy_says_when_reports_are_real(rig: Rig, plan: Plan) -> None:
    """With no minimum the first counts go out at once, and the gate says that it cannot judge what comes."""
    with rig.open(policy=Policy(minimum_events=0)) as keyboard:
        type_more(keyboard, left=False, lines=20)
        result = keyboard.sync()
        assert result.outcome is Outcome.KEPT_OLD
        assert "too little typing" in result.reason
    assert not says_nothing(plan, *reports(rig))


def test_a_dummy_is_retried_as_it_was_stored(rig: Rig, plan: Plan) -> None:
    """When the answer to a dummy is lost, the same bytes go again, whatever was typed since."""
    with rig.open(transport=AnswersLost(rig.trainer, "/v1/reports")) as keyboard:
        with pytest.raises(TryAgain):
            keyboard.sync()
        stored = next((rig.folder / "profile" / "outbox").glob("*.report")).read_bytes()
        type_more(keyboard, left=False, lines=220)
    with rig.open() as keyboard:
        assert keyboard.sync().outcome is Outcome.DUMMY
        assert keyboard.status().adapter_version == 0
    assert reports(rig) == [decode_report(stored)]
    assert says_nothing(plan, decode_report(stored))


def test_an_update_that_later_typing_speaks_against_is_taken_back(rig: Rig) -> None:
    """When slips are meant from now on, the next sync rolls back before it sends anything, and says so."""
    with rig.open_learned() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
        assert keep_strange_words(keyboard) >= MINIMUM_EVENTS
        rig.trainer.polls = 1000
        result = keyboard.sync(wait_seconds=0)
        assert (result.outcome, result.adapter_version) == (Outcome.PENDING, 0)
        assert keyboard._opened.adapter.version == 0
        assert kinds(keyboard)[6:] == ["rolled_back", "report_sent"]
        assert "taken back" in keyboard.ledger()[6].text


def test_an_update_that_later_typing_speaks_for_stays(rig: Rig) -> None:
    """The same hands, or too little typing by others, roll nothing back."""
    with rig.open_learned("few") as keyboard:
        keyboard.sync()
        assert 0 < type_more(keyboard, left=True, lines=30) < MINIMUM_EVENTS
        keyboard.sync()
        assert "rolled_back" not in kinds(keyboard)
    with rig.open_learned("same") as keyboard:
        keyboard.sync()
        assert type_more(keyboard, left=False) >= MINIMUM_EVENTS
        keyboard.sync()
        assert "rolled_back" not in kinds(keyboard)
        assert keyboard.status().adapter_version >= 1


def test_what_was_typed_before_an_update_does_not_speak_against_it(rig: Rig) -> None:
    """Only events younger than the adapter count; nor is a version that the user went back to reviewed."""
    with rig.open_learned() as keyboard:
        store = keyboard._profile.store
        keyboard.sync()
        more = keep_strange_words(keyboard)
        store.add_held_out(store.held_out()[-1], more)  # those from before are dropped
        learning = keyboard._model
        events, plan = learning.predictor.events, learning.predictor.plan
        before, now = learning.adapters.none(), learning.adapters.in_use()
        choices = held_out_choices(store, events)
        assert harm(events, plan, choices, adapter_of(plan, before), adapter_of(plan, now))
        store.set_setting(ADAPTER_BORN, ("1", str(store.newest_held_out())))
        keyboard.sync()
        assert "rolled_back" not in kinds(keyboard)
        store.set_setting(ADAPTER_BORN, ("7", "0"))
        keyboard.sync()
        assert "rolled_back" not in kinds(keyboard)


def test_an_update_can_be_tried_out_first(rig: Rig) -> None:
    """On trial it is not used; when later typing speaks for it, it is, without another update."""
    policy = Policy(trial_events=MINIMUM_EVENTS)
    with rig.open_learned(policy=policy) as keyboard:
        result = keyboard.sync()
        assert (result.outcome, result.adapter_version) == (Outcome.ON_TRIAL, 0)
        assert "say so too" in result.reason
        assert keyboard.sync().outcome is Outcome.KEPT_OLD
        assert "on trial" in keyboard.ledger()[-1].text
    with rig.open(policy=policy) as keyboard:
        assert type_more(keyboard, left=False) >= MINIMUM_EVENTS
        rig.trainer.polls = 1000
        result = keyboard.sync(wait_seconds=0)
        assert (result.outcome, result.adapter_version) == (Outcome.PENDING, 1)
        assert "trial_passed" in kinds(keyboard)
        assert keyboard._opened.adapter.version == 1


def test_a_trial_can_fail(rig: Rig) -> None:
    """When later typing does not speak for it, an update on trial is dropped unused; the next may pass."""
    with rig.open_learned(policy=Policy(trial_events=MINIMUM_EVENTS)) as keyboard:
        assert keyboard.sync().outcome is Outcome.ON_TRIAL
        assert keep_strange_words(keyboard) >= MINIMUM_EVENTS
        result = keyboard.sync()
        assert result.adapter_version == 0
        assert "trial_failed" in kinds(keyboard)
        assert "dropped" in next(line for line in keyboard.ledger() if line.kind == "trial_failed").text


@pytest.mark.parametrize("damage", ["", "x", "a b c", "{plan} 0 00", "{plan} x {content}", "0 0 {content}"])
def test_a_damaged_trial_is_none(rig: Rig, plan: Plan, damage: str) -> None:
    """What cannot be an update of this plan on trial is ignored."""
    with rig.open_learned(policy=Policy(trial_events=MINIMUM_EVENTS)) as keyboard:
        content = bytes(8 * sum(block.width for block in plan.blocks)).hex()
        damaged = damage.format(plan=plan.hash, content=content)
        change_setting(keyboard._profile.store, CANDIDATE, damaged)
        assert keyboard.sync().outcome is Outcome.ON_TRIAL


def test_an_update_too_large_over_all_is_refused_unseen(rig: Rig, plan: Plan) -> None:
    """Weights that are in range one by one, and improbable together, do not reach the comparison."""
    rng = np.random.default_rng(secrets.randbits(32))
    with rig.open_learned() as keyboard:
        events = keyboard._model.predictor.events
        choices = held_out_choices(keyboard._profile.store, events)
        none, mistakes = keyboard._opened.adapter, keyboard._model.public().judging
        for factor, far in ((SUM_BOUND + 0.02, True), (SUM_BOUND - 0.02, False)):
            weights = dict(none.weights)
            block = plan.blocks[0]
            signs = rng.choice([-1.0, 1.0], block.width)
            weights[block.name] = (signs * factor * block.z_unit * (1 << (block.z_bits - 1))).astype(
                np.float32
            )
            verdict = judge(events, plan, choices, none, Adapter(1, weights), mistakes)
            assert ("outside" in verdict.reason) == far
