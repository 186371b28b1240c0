"""What a device does, each part once, with the shipped bundle and what a base install brings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from quietkeys import ErrorCode, Passphrase, Personalizer, QuietkeysError
from quietkeys.cipher import Parameters, device_cipher
from quietkeys_protocol.plan import Plan

VECTORS: Final = Path(__file__).parents[1] / "vectors"
SECRET: Final = "correct horse"
WORD: Final = "zorbulate"


def keep(keyboard: Personalizer) -> None:
    """Keeps a new word as often, and in as many sessions, as makes it the user's own."""
    for _ in range(3):
        for place in ("i think ", "is that "):
            keyboard.record(place, WORD, WORD)
        keyboard._model.recorder.begin_session()


def test_it_suggests_and_records_and_takes_back(tmp_path: Path) -> None:
    """A slip is put right, what was kept is learnt, and what is taken back never was."""
    with Personalizer.open(tmp_path / "profile", protection=Passphrase(SECRET)) as keyboard:
        assert keyboard.suggest("see you ", "tomorow").correction == "tomorrow"
        keep(keyboard)
        learnt = keyboard.vocabulary.words()
        assert WORD in [one.text for one in learnt]
        keyboard.undo(keyboard.record("we will ", WORD, WORD))
        assert keyboard.vocabulary.words() == learnt


def test_a_profile_opens_for_its_owner_alone(tmp_path: Path) -> None:
    """What was learnt is there again with the passphrase, not without; no file says a word of it."""
    folder = tmp_path / "profile"
    with Personalizer.open(folder, protection=Passphrase(SECRET)) as keyboard:
        keep(keyboard)
    with pytest.raises(QuietkeysError) as refused:
        Personalizer.open(folder, protection=Passphrase("another horse"))
    assert refused.value.code is ErrorCode.PROFILE_SEALED
    with Personalizer.open(folder, protection=Passphrase(SECRET)) as keyboard:
        assert WORD in [learnt.text for learnt in keyboard.vocabulary.words()]
    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert written
    assert not any(WORD.encode() in content for content in written)


def test_its_process_makes_keys_encrypts_and_decrypts(tmp_path: Path) -> None:
    """Keys, evaluation keys and a report have the frames of the plan; an update of the frame is decrypted."""
    parameters = Parameters.of(
        Plan.parse((VECTORS / "small_plan.json").read_bytes()),
        (VECTORS / "small_specification.json").read_bytes(),
    )
    cipher, draw = device_cipher(tmp_path / "keys", parameters, file_key=bytes(32)), random.Random(1)
    try:
        cipher.generate_keys()
        assert cipher.has_keys()
        sent = tmp_path / "evaluation"
        assert cipher.write_evaluation_keys(sent) == cipher.fingerprint()
        assert parameters.frames.keys.matches_file(sent)
        arrays = [np.full(field.size, field.high, np.int64) for field in parameters.plan.report_fields]
        for frame, value in zip(parameters.frames.report, cipher.encrypt(arrays), strict=True):
            assert frame.matches(value)
        update = []
        for frame in parameters.frames.update:
            content = bytearray(draw.randbytes(frame.size))
            for literal in frame.literals:
                content[literal.offset : literal.end] = literal.content
            update.append(bytes(content))
        sizes = [(field.size,) for field in parameters.plan.update_fields]
        assert [array.shape for array in cipher.decrypt(update)] == sizes
    finally:
        cipher.close()
