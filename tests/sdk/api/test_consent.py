"""Nothing is sent before the user has agreed, and taking that back deletes here and at the trainer."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from quietkeys import Deletion, ErrorCode, Outcome, Personalizer, Refused, Untrusted
from quietkeys.environment import Environment
from quietkeys.profile.settings import CONSENT
from tests.sdk.conftest import STATEMENT, Rig
from tests.sdk.transports import Unreachable


def files_in(profile: Path) -> set[str]:
    """The files of a profile but those that are always there."""
    names = {path.name for path in profile.rglob("*") if path.is_file()}
    always = {"lock", "vault.header", "vault.header.copy", "last-good.sqlite"}
    return names - always - {"profile.sqlite", "profile.sqlite-shm", "profile.sqlite-wal"}


def refused(keyboard: Personalizer) -> bool:
    """Whether a sync is refused for want of consent."""
    with pytest.raises(Refused) as caught:
        keyboard.sync()
    return caught.value.code is ErrorCode.CONSENT_MISSING


def test_nothing_is_sent_without_consent(rig: Rig) -> None:
    """The sync is refused before any request, and no key is made; with consent the same profile syncs."""
    with rig.open_learned(consent=False) as keyboard:
        assert not keyboard.status().consent_given
        assert refused(keyboard)
        assert rig.trainer.requests == []
        assert files_in(rig.folder / "profile") == set()
        keyboard.consent.give(STATEMENT)
        assert keyboard.status().consent_given
        assert keyboard.sync().outcome is Outcome.APPLIED


def test_consent_is_on_record(rig: Rig) -> None:
    """The statement, its hash and the time outlive a restart; the ledger tells; a later one replaces it."""
    environment = Environment(clock=lambda: 1_800_000_000.0)
    with rig.open(consent=False, environment=environment) as keyboard:
        assert keyboard.consent.given is None
        keyboard.consent.give("Yes.")
        keyboard.consent.give(STATEMENT)
    with rig.open(consent=False) as keyboard:
        given = keyboard.consent.given
        assert given is not None
        assert (given.statement, given.given_at) == (STATEMENT, 1_800_000_000.0)
        assert given.sha256 == hashlib.sha256(STATEMENT.encode()).hexdigest()
        assert [line.kind for line in keyboard.ledger()] == ["consent_given"] * 2
        assert given.sha256[:4] in keyboard.ledger()[1].text


@pytest.mark.parametrize("statement", ["", " \n"])
def test_an_empty_statement_is_no_consent(rig: Rig, statement: str) -> None:
    """Nothing is recorded."""
    with rig.open(consent=False) as keyboard:
        with pytest.raises(Refused) as caught:
            keyboard.consent.give(statement)
        assert caught.value.code is ErrorCode.CONSENT_MISSING
        assert keyboard.consent.given is None


def test_withdrawing_deletes_here_and_there(any_rig: Rig) -> None:
    """Everything learned, the keys and the device are gone, and nothing is sent before a new consent."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        assert keyboard.consent.withdraw() is Deletion.CONFIRMED
        assert any_rig.trainer.devices == {}
        assert any_rig.trainer.jobs == {}
        status = keyboard.status()
        assert (status.words_known, status.adapter_version, status.consent_given) == (0, 0, False)
        assert files_in(any_rig.folder / "profile") == set()
        any_rig.trainer.requests.clear()
        assert refused(keyboard)
        assert any_rig.trainer.requests == []


def test_withdrawing_may_keep_what_was_learned(any_rig: Rig) -> None:
    """Words, counts and adapter go on working here; keys, reports and the device are gone all the same."""
    with any_rig.open_learned() as keyboard:
        keyboard.sync()
        fingerprint = keyboard.status().key_fingerprint
        any_rig.trainer.polls = 1000
        keyboard.sync(wait_seconds=0)
        before = keyboard.status()
        shown = [keyboard.suggest("see", typed).strip for typed in ("yuo", "lettre", "abuzo")]
        assert keyboard.consent.withdraw(keep_learned=True) is Deletion.CONFIRMED
        assert any_rig.trainer.devices == {}
        assert files_in(any_rig.folder / "profile") == set()
        after = keyboard.status()
        assert (after.words_known, after.adapter_version) == (before.words_known, 1)
        assert (after.key_fingerprint, after.open_report, after.consent_given) == ("", "", False)
        assert [keyboard.suggest("see", typed).strip for typed in ("yuo", "lettre", "abuzo")] == shown
        kinds = [line.kind for line in keyboard.ledger()]
        assert kinds[-3:] == ["consent_withdrawn", "key_destroyed", "deleted_at_trainer"]
        assert refused(keyboard)
        any_rig.trainer.polls = 0
        keyboard.consent.give(STATEMENT)
        keyboard.sync()
        assert keyboard.status().key_fingerprint not in ("", fingerprint)


def test_withdrawing_survives_kill(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it has begun, the keys are removed when the profile is opened again, and it can be confirmed."""
    with rig.open_learned() as keyboard:
        keyboard.sync()

        def killed() -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(type(keyboard._profile), "finish_wipe", lambda _: killed())
            with pytest.raises(KeyboardInterrupt):
                keyboard.consent.withdraw(keep_learned=True)
        assert (rig.folder / "profile" / "keys").exists()
    with rig.open(consent=False) as keyboard:
        assert not (rig.folder / "profile" / "keys").exists()
        assert keyboard.status().words_known > 0
        assert not keyboard.status().consent_given
        assert keyboard.consent.withdraw(keep_learned=True) is Deletion.CONFIRMED
        assert rig.trainer.devices == {}
        assert files_in(rig.folder / "profile") == set()


def test_withdrawing_reaches_the_trainer_later(rig: Rig) -> None:
    """Without the trainer it is pending, says so, and can be repeated; nobody is asked in between."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
    with rig.open(transport=Unreachable()) as keyboard:
        assert keyboard.consent.withdraw(keep_learned=True) is Deletion.PENDING
        assert "not confirmed" in keyboard.status().problems[0].message
    rig.trainer.requests.clear()
    with rig.open(consent=False) as keyboard:
        assert refused(keyboard)
        assert rig.trainer.requests == []
        assert keyboard.consent.withdraw(keep_learned=True) is Deletion.CONFIRMED
        assert keyboard.status().problems == ()
        assert keyboard.consent.withdraw(keep_learned=True) is Deletion.NOTHING_THERE
        assert keyboard.status().words_known > 0


def test_withdrawing_ends_a_sync_that_waits(rig: Rig) -> None:
    """It does not wait until the trainer has trained."""
    rig.trainer.polls = 10**6
    with rig.open_learned(environment=None) as keyboard:
        outcomes: list[object] = []
        thread = threading.Thread(target=lambda: outcomes.append(keyboard.sync(wait_seconds=600).outcome))
        thread.start()
        while not any(path.startswith("/v1/jobs") for _, path in rig.trainer.requests):
            assert thread.is_alive()
        assert keyboard.consent.withdraw() is Deletion.CONFIRMED
        thread.join(5)
        assert outcomes == [Outcome.CANCELLED]


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "Something else."},
        {"given_at": "yesterday"},
        {"statement": 1},
        {"more": 1},
    ],
)
def test_a_damaged_consent_is_none(rig: Rig, change: dict[str, object]) -> None:
    """A record that is not what was written lets nothing be sent; giving consent again mends it."""
    with rig.open() as keyboard:
        store = keyboard._profile.store
        stored = store.setting(CONSENT)
        assert stored is not None
        store.set_setting(CONSENT, {**stored, **change})
        with pytest.raises(Untrusted) as caught:
            keyboard.sync()
        assert caught.value.code is ErrorCode.PROFILE_DAMAGED
        assert rig.trainer.requests == []
        keyboard.consent.give(STATEMENT)
        keyboard.sync()
