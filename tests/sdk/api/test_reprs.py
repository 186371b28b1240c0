"""What stands in a log when somebody logs an object: no text, no counts, no weights."""

from __future__ import annotations

import gc
from dataclasses import is_dataclass

from quietkeys import CallerKey, Personalizer
from quietkeys.learning.recorder import Kept
from quietkeys.profile.folder import FHE_KEYS
from quietkeys.text.tokens import words_of
from quietkeys.text.typed_token import token_of
from tests.sdk.conftest import Rig

CANARY = "zanzibarqq"


def test_no_object_prints_what_was_typed(keyboard: Personalizer) -> None:
    """Every object of ours that is alive, and those that a record makes on its way, are searched."""
    context, typed = f"the {CANARY}", CANARY
    keyboard.record(context, typed, CANARY)
    keyboard.suggest(context, typed + "x")
    learning = keyboard._model
    (piece,) = words_of(context, CANARY)
    judged = learning.predictor.judge(piece.context, piece.text, keyboard._opened.adapter)
    passing = [token_of(context, typed), piece, judged, Kept(piece.context, judged, piece.text)]
    alive = [thing for thing in gc.get_objects() if str(type(thing).__module__).startswith("quietkeys.")]
    assert any(thing is learning.predictor.memory for thing in alive)
    printing = {type(thing).__qualname__ for thing in (*passing, *alive) if CANARY in repr(thing)}
    assert printing == set()


def test_no_object_prints_a_key(rig: Rig) -> None:
    """Neither the data key, nor what it wraps, nor what is made of it, in any spelling of bytes."""
    with rig.open(protection=CallerKey(b"K" * 32)) as keyboard:
        keyboard.record("see", "yuo", "you")
        key = keyboard._profile.vault.key
        secrets = [b"K" * 32, key.secret, key.file_key(FHE_KEYS)]
        spelled = [text for one in secrets for text in (repr(one)[2:-1], one.hex(), repr(list(one))[1:-1])]
        things = [thing for thing in gc.get_objects() if str(type(thing).__module__).startswith("quietkeys.")]
        assert any(thing is key for thing in things)
        printing = {type(thing).__qualname__ for thing in things for text in spelled if text in repr(thing)}
        assert printing == set()


def test_no_object_prints_counts_or_weights(rig: Rig) -> None:
    """Counts, held-out events, decrypted weights and figures of the gate are private as well."""
    with rig.open_learned() as keyboard:
        result = keyboard.sync()
        assert result.verdict is not None
        counted, _ = keyboard._model.recorder.counted()
        assert len(counted)
        masses = keyboard._link.context().masses(keyboard._opened.adapter)["channel"]
        for thing in (
            counted,
            masses,
            keyboard._opened.adapter,
            keyboard._model.adapters.in_use(),
            result,
            result.verdict,
        ):
            assert is_dataclass(thing)
            assert "array" not in repr(thing)
        assert str(result.verdict.gain) not in repr(result) + repr(result.verdict)
