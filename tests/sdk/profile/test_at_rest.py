"""What lies on disk: nothing that was typed, counted or decided."""

from __future__ import annotations

import numpy as np

from quietkeys import Personalizer
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import files_in, rows_in


def test_nothing_typed_is_in_the_files(rig: Rig) -> None:
    """Words, counts, held-out events, weights and the ledger are in the rows, and in no file."""
    with rig.open_learned() as keyboard:
        for word in ("brokling", "quokkaberry"):
            keyboard._model.recorder.add_word(word)
            keyboard.record("my own", word, word)
        keyboard.vocabulary.add("QuollBox")
        keyboard.record("my own", "QUOKKAberry", "QUOKKAberry")
        keyboard.vocabulary.never_correct("wombatish")
        keyboard.sync()
        planted = [
            "brokling",
            "quokkaberry",
            "wombatish",
            "QuollBox",
            "QUOKKAberry",
            "Evaluation keys went",
            "never_correct",
        ]
        texts = [text.encode() for text in planted]
        texts += [content for _, content in keyboard._profile.store.counted(9000)]
        texts += [weights.astype("<i8").tobytes() for weights in weights_in_use(keyboard)]
        texts += keyboard._profile.store.held_out()
        files = files_in(rig.folder / "profile")
        rows = rows_in(rig.folder / "profile")
    files += files_in(rig.folder / "profile")
    assert all(text in rows for text in texts)  # the search finds what is there
    assert not [text for text in texts if text in files]
    assert keyboard._profile.vault.key.secret not in files


def weights_in_use(keyboard: Personalizer) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The weights of the adapter in use that are not all zero."""
    weights = keyboard._model.adapters.in_use().by_block.values()
    found = [one for one in weights if one.any()]
    assert found
    return found


def test_the_size_of_a_row_does_not_tell_the_word(rig: Rig) -> None:
    """A short word, a long one, three of them and a form are as large; so are all lines of the ledger."""
    with rig.open_learned() as keyboard:
        for word in ("ok", "OK", "incomprehensibly", "Incomprehensibly"):
            keyboard._model.recorder.add_word(word)
            keyboard.record("the", word, word)
        keyboard.sync()
        database = keyboard._profile.store.database
        sizes = database.rows("SELECT DISTINCT length(content) FROM memory")
        lines = database.rows("SELECT DISTINCT length(content) FROM ledger")
    assert len(sizes) == len(lines) == 1
