"""What a type checker tells an app about the public API: read by mypy with everything else, run by nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_type

from quietkeys import (
    AppProfile,
    AppProfiles,
    CircleMember,
    ConsentRecord,
    Deletion,
    DeletionReceipt,
    InputField,
    Inspection,
    Invitation,
    KeyFile,
    KeyStatus,
    LearntWord,
    LedgerLine,
    Level,
    Outcome,
    Personalizer,
    Policy,
    Progress,
    Protection,
    QuietkeysError,
    RecoveryCode,
    Scheduler,
    Status,
    Step,
    Suggestions,
    SyncResult,
    Touches,
    Trainer,
    UndoReceipt,
    Verdict,
)
from quietkeys.layouts import QWERTZ
from quietkeys.sgd import Examples, Feature, Learner, SgdParameters, SgdPlan, Trained
from quietkeys.testing import Environment, InMemoryTrainer, NoopCipher, open_profile
from quietkeys.typing import (
    Aside,
    Choice,
    Edit,
    Editor,
    Mirror,
    Shift,
    Surroundings,
    Typing,
    capital_due,
    recased,
)


def opening(folder: Path, protection: Protection) -> None:
    """With nothing but a folder, and with everything."""
    assert_type(Personalizer.open("profile"), Personalizer)
    trainer = Trainer("https://t.test", key=bytes(32), enrolment_token="t", certificates=folder / "ca.pem")
    keyboard = Personalizer.open(
        folder,
        trainer=trainer,
        bundle=folder,
        layout=QWERTZ,
        redact=(),
        protection=protection,
        policy=Policy(hours=(1, 5)),
        trusted_keys=(bytes(32),),
    )
    with keyboard as same:
        assert_type(same, Personalizer)
    Personalizer.open(folder, cipher=NoopCipher)  # type: ignore[call-arg]
    Personalizer.open(folder, trainer="https://t.test")  # type: ignore[arg-type]
    Personalizer.restore(folder / "backup", folder, "secret", protection=KeyFile())


def typing(keyboard: Personalizer, touches: Touches) -> None:
    """What is typed, shown and learnt."""
    shown = keyboard.suggest("see", "yuo", touches, field=InputField.TEXT, app="mail")
    assert_type(shown, Suggestions)
    assert_type(shown.strip, tuple[str, ...])
    assert_type(shown.correction, str | None)
    receipt = keyboard.record("see", "yuo", "you", [(1.0, 0.5), None, (2.0, 0.5)])
    assert_type(receipt, UndoReceipt)
    keyboard.undo(receipt)
    with keyboard.private():
        keyboard.paused = True
    keyboard.level = Level.CAREFUL
    keyboard.level = "careful"  # type: ignore[assignment]
    assert_type(keyboard.apps, AppProfiles)
    assert_type(keyboard.apps.get("mail"), AppProfile)
    assert_type(keyboard.vocabulary.words(), tuple[LearntWord, ...])


def embedding(keyboard: Personalizer) -> None:
    """What stands between keys and a text, held by the app or by somebody else."""
    presenter, here = Typing(keyboard, field=InputField.URL, app="mail"), Surroundings("before", "after")
    assert_type(presenter.press(here, "a", (1.0, 0.5), by_finger=False), Edit)
    assert_type(presenter.backspace(here).applied(here), Surroundings)
    assert_type(presenter.strip(here), tuple[Choice, ...])
    assert_type(presenter.choose(here, Choice("word")).corrected, tuple[int, int] | None)
    assert_type(presenter.problem, QuietkeysError | None)
    behind = Typing(keyboard, aside=Aside(0.03), corrects=False, appends=True, two_spaces=False)
    strips: list[tuple[Choice, ...]] = []
    behind.ask(here, strips.append)
    behind.leave(here)
    assert_type(Mirror().here, Surroundings | None)
    assert_type(Mirror().told(here), str)
    presenter.press("a")  # type: ignore[call-arg, arg-type]
    editor = Editor(keyboard, lambda: None, lambda: 0.0, field=InputField.TEXT)
    assert_type(editor.selected, tuple[int, int] | None)
    assert_type(editor.shift, Shift)
    assert_type(capital_due(editor.text), bool)
    assert_type(recased("word", "Word"), str)


def syncing(keyboard: Personalizer) -> None:
    """What goes to the trainer and what comes of it."""
    told: list[Progress] = []
    result = keyboard.sync(told.append, 60.0, metered=True)
    assert_type(result, SyncResult)
    assert_type(result.outcome, Outcome)
    assert_type(result.verdict, Verdict | None)
    assert_type(told[0].step, Step)
    assert_type(keyboard.schedule, Scheduler)
    assert_type(keyboard.schedule.sync_if_due(), SyncResult | None)
    assert_type(keyboard.consent.given, ConsentRecord | None)
    assert_type(keyboard.consent.withdraw(keep_learned=True), Deletion)
    assert_type(keyboard.circle.invite("phone"), Invitation)
    assert_type(keyboard.circle.members(), tuple[CircleMember, ...])
    assert_type(keyboard.keys.status(), KeyStatus | None)
    assert_type(keyboard.keys.back_up("file"), RecoveryCode | None)
    assert_type(keyboard.rollback(), int)
    assert_type(keyboard.forget(), Deletion)


def learning_from_examples(folder: Path, examples: Examples) -> None:
    """Another app's plan, its device, and what a round was worth."""
    parameters = SgdParameters.of(b"plan", b"specification", "pin")
    assert_type(parameters.plan, SgdPlan)
    assert_type(parameters.plan.features, tuple[Feature, ...])
    with Learner.open(folder, parameters, Trainer("https://t.test"), KeyFile()) as learner:
        learner.agree("statement")
        assert_type(learner.train(examples, print), Trained)
    Learner.open(folder, parameters, "https://t.test")  # type: ignore[arg-type]


def looking(keyboard: Personalizer) -> None:
    """What a user may see."""
    assert_type(keyboard.status(), Status)
    assert_type(keyboard.inspect(), Inspection)
    assert_type(keyboard.ledger(), tuple[LedgerLine, ...])
    assert_type(keyboard.receipts(), tuple[DeletionReceipt, ...])


def tests_of_apps(trainer: InMemoryTrainer, clock: Callable[[], float]) -> None:
    """What an app's own tests put in the place of what is slow or random."""
    keyboard = open_profile(
        "profile",
        trainer=Trainer("https://t.test"),
        transport=trainer,
        cipher=NoopCipher,
        environment=Environment(clock=clock),
    )
    assert_type(keyboard, Personalizer)
