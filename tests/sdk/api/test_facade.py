"""The facade as an app developer uses it, without a trainer."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import quietkeys
from quietkeys import (
    ErrorCode,
    Level,
    Personalizer,
    Refused,
    Trainer,
    TryAgain,
    UndoReceipt,
)
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import everything_in

HEAVY = (
    "torch",
    "concrete",
    "fastapi",
    "kivy",
    "onnx",
    "scipy",
    "sqlalchemy",
    "requests",
    "quietkeys_trainer",
)


def test_a_slip_is_corrected(keyboard: Personalizer) -> None:
    """The likeliest word is offered first and as the correction; what was typed stays in the strip."""
    suggestions = keyboard.suggest("such a", "sentemce")
    assert suggestions.correction == suggestions.strip[0] == "sentence"
    assert "sentemce" in suggestions.strip
    assert len(suggestions.strip) <= 3


def test_a_known_word_is_left_as_it_is(keyboard: Personalizer) -> None:
    """There is no correction for it, and it is in the strip."""
    suggestions = keyboard.suggest("", "picture")
    assert suggestions.correction is None
    assert suggestions.strip[0] == "picture"


def test_what_was_typed_is_always_shown(keyboard: Personalizer) -> None:
    """However unlikely it is: it takes the last place of three."""
    rng = np.random.default_rng(3)
    strips = [(word, keyboard.suggest("", word).strip) for word in (slip(rng) for _ in range(200))]
    assert all(typed in strip and len(strip) <= 3 for typed, strip in strips)
    assert any(strip.index(typed) == 2 for typed, strip in strips)


def slip(rng: np.random.Generator) -> str:
    """A mistyped word."""
    return small.slipped(str(rng.choice(small.WORDS)), rng)


def test_case_and_punctuation_are_those_of_the_typist(keyboard: Personalizer) -> None:
    """Capitals, quotes and commas come back around the corrected word."""
    assert keyboard.suggest("", "“Sentemce,").correction == "“Sentence,"
    assert keyboard.suggest("", "SENTEMCE!").correction == "SENTENCE!"
    assert keyboard.suggest("", "well...sentemce").correction == "well...sentence"


@pytest.mark.parametrize("typed", ["12:30", "bob@mail.test", "@frined", "x" * 200, "http://x.y"])
def test_what_is_no_word_is_shown_as_typed(keyboard: Personalizer, typed: str) -> None:
    """Such a token is its own only suggestion."""
    suggestions = keyboard.suggest("see", typed)
    assert (suggestions.strip, suggestions.correction) == ((typed,), None)


def test_nothing_typed_offers_the_next_word(keyboard: Personalizer) -> None:
    """After a space three different words are offered; nothing is corrected."""
    offered = keyboard.suggest("see you", "")
    assert len(set(offered.strip)) == 3
    assert set(offered.strip) <= set(small.WORDS)
    assert offered.correction is None


def test_the_next_word_is_learned(rig: Rig) -> None:
    """What this user writes after a word comes first, a word of their own too."""
    for _ in range(2):
        with rig.open() as keyboard:
            for _ in range(35):
                keyboard.record("see you at the", "brokling", "brokling")
            shown = [keyboard.suggest("meet me at the", typed).strip for typed in ("", "bro")]
    assert "brokling" in shown[0]
    assert shown[1][0] == "brokling"


def test_a_level_is_kept(rig: Rig) -> None:
    """OFF corrects nothing, and stays off when the profile is opened again."""
    with rig.open() as keyboard:
        assert keyboard.suggest("they", "peopke").correction == "people"
        keyboard.level = Level.OFF
        assert keyboard.suggest("they", "peopke").correction is None
        assert "people" in keyboard.suggest("they", "peopke").strip
    with rig.open() as keyboard:
        assert keyboard.level is Level.OFF


def test_own_words_are_learned(rig: Rig) -> None:
    """A word kept three times over two sessions is offered for its misspellings; not before."""
    with rig.open() as keyboard:
        for _ in range(4):
            keyboard.record("my", "brokling", "brokling")
        assert keyboard.status().own_words == 0
        assert "brokling" not in keyboard.suggest("my", "brkling").strip
    with rig.open() as keyboard:
        keyboard.record("my", "brokling", "brokling")
        assert keyboard.status().own_words == 1
        assert "brokling" in keyboard.suggest("my", "brkling").strip
        assert keyboard.suggest("", "brokling").correction is None


def test_undo_takes_it_back(keyboard: Personalizer) -> None:
    """After undo everything is as it was; a receipt works once, and a made-up one never."""
    before = keyboard.status()
    receipt = keyboard.record("my", "brokling", "brokling")
    assert keyboard.status() != before
    keyboard.undo(receipt)
    assert keyboard.status() == before
    for used in (receipt, UndoReceipt("0" * 32)):
        with pytest.raises(Refused) as caught:
            keyboard.undo(used)
        assert caught.value.code is ErrorCode.RECEIPT_UNKNOWN


def test_a_word_taken_back_leaves_no_letters(rig: Rig) -> None:
    """After undo the word is in no file, not even where the database no longer looks."""
    with rig.open_learned() as keyboard:
        receipt = keyboard.record("my", "brokling", "brokling")
        keyboard.undo(receipt)
    assert b"brokling" not in everything_in(rig.folder / "profile")


def test_recording_nothing_is_fine(keyboard: Personalizer) -> None:
    """What holds no word leaves nothing, and its receipt can be taken back."""
    for kept in ("", "42", "bob@mail.test", "!?"):
        keyboard.undo(keyboard.record("see", kept, kept))
    assert keyboard.status().words_recorded == 0


def test_all_pieces_of_a_token_are_recorded_together(keyboard: Personalizer) -> None:
    """One receipt takes back both words of a token."""
    receipt = keyboard.record("", "thnk...so", "think...so")
    assert keyboard.status().words_recorded == 2
    keyboard.undo(receipt)
    assert keyboard.status().words_recorded == 0


def test_what_was_learned_survives_closing(rig: Rig) -> None:
    """The same suggestions and figures after opening again."""
    with rig.open_learned() as keyboard:
        status = keyboard.status()
        shown = [keyboard.suggest("see", typed).strip for typed in ("yuo", "lettre", "abuzo")]
    with rig.open() as keyboard:
        assert keyboard.status() == status
        assert [keyboard.suggest("see", typed).strip for typed in ("yuo", "lettre", "abuzo")] == shown


def test_without_a_trainer_nothing_is_synced(rig: Rig) -> None:
    """The error says that an address is missing; nothing is sent."""
    with rig.open_learned(trainer=None) as keyboard:
        with pytest.raises(Refused) as caught:
            keyboard.sync()
        assert caught.value.code is ErrorCode.ADDRESS_UNSAFE


def test_an_unsafe_address_is_refused_at_once(rig: Rig) -> None:
    """Opening fails before anything is learned or sent."""
    with pytest.raises(Refused):
        rig.open(trainer=Trainer("http://trainer.test"))
    assert not (rig.folder / "profile").exists()


def test_threads_may_share_a_keyboard(rig: Rig) -> None:
    """Typing from several threads while a sync runs loses nothing."""
    with rig.open_learned() as keyboard:
        before = keyboard.status().words_recorded
        failures: list[BaseException] = []

        def type_on() -> None:
            try:
                for _ in range(20):
                    keyboard.suggest("see", "yuo")
                    keyboard.undo(keyboard.record("see", "yuo", "you"))
                    keyboard.record("see", "yuo", "you")
            except BaseException as error:  # noqa: BLE001 - shown by the test
                failures.append(error)

        threads = [threading.Thread(target=type_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        keyboard.sync()
        for thread in threads:
            thread.join()
        assert failures == []
        assert keyboard.status().words_recorded == before + 60


def test_typing_goes_on_while_a_sync_waits(rig: Rig) -> None:
    """A sync that waits for the trainer does not hold the keyboard, and closing ends its waiting."""
    rig.trainer.polls = 10**6
    keyboard = rig.open_learned(environment=None)
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(keyboard.sync(wait_seconds=600).outcome))
    thread.start()
    while not any(path.startswith("/v1/jobs") for _, path in rig.trainer.requests):
        assert thread.is_alive()
    keyboard.record("see", "yuo", "you")
    assert keyboard.suggest("see", "yuo").strip
    keyboard.close()
    thread.join(5)
    assert done == ["cancelled"]


def test_typing_loads_nothing_heavy(rig: Rig) -> None:
    """A fresh interpreter that opens a profile, suggests and records has loaded no heavy library."""
    program = f"""
import sys
from pathlib import Path
from quietkeys import Personalizer, Trainer
keyboard = Personalizer.open({str(rig.folder / "p")!r}, trainer=Trainer("https://trainer.test"),
    bundle=Path({str(rig.bundle)!r}), trusted_keys=({small.TRUSTED[0]!r},))
keyboard.suggest("see", "yuo")
keyboard.record("see", "yuo", "you")
keyboard.status()
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_the_public_names_are_documented() -> None:
    """Everything that `quietkeys` offers says what it is."""
    for name in quietkeys.__all__:
        assert getattr(quietkeys, name).__doc__, name
    for name, member in vars(Personalizer).items():
        if not name.startswith("_"):
            assert member.__doc__, name


def test_closing_twice_is_fine(rig: Rig) -> None:
    """A closed keyboard still suggests, and records nothing."""
    keyboard = rig.open_learned()
    keyboard.close()
    keyboard.close()
    assert keyboard.suggest("such a", "sentemce").correction == "sentence"
    with pytest.raises(TryAgain) as caught:
        keyboard.record("see", "yuo", "you")
    assert caught.value.code is ErrorCode.STORAGE_FAILED
