"""What the parts of memory weigh: stored as sums, taken back to the bit; what was said last is not stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys import ErrorCode, TryAgain, UndoReceipt
from quietkeys.arrays import Float64
from quietkeys.bundle.bundle import open_bundle
from quietkeys.learning.recorder import MIXTURE, Kept, Recorder
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.mixture import BUCKETS, CONVERSATION, PAIR, STATE
from quietkeys.profile.store import Store
from quietkeys.vault.sealing import DataKey
from tests.sdk import small

TEXT = "the people of this place have water and the people of that place have not".split()  # noqa: SIM905


class FullDisk(Store):
    """A store on a disk that can be full."""

    full = False

    def write_array(self, name: str, array: Float64) -> None:
        """Store an array, if there is room."""
        if self.full:
            raise TryAgain(ErrorCode.DISK_FULL)
        super().write_array(name, array)


class Typing:
    """A recorder over a store, and what is typed in it."""

    def __init__(self, model: Model, store: Store) -> None:
        self.store, self.predictor = store, Predictor(model)
        self.recorder = Recorder(self.predictor, store, np.random.default_rng(0))
        self._made = 0

    def keep(self, words: list[str]) -> list[UndoReceipt]:
        """Record words one after the other, each after those before it."""
        found = []
        for place, word in enumerate(words):
            self._made += 1
            kept = Kept(tuple(words[:place]), None, word)
            found.append(self.recorder.record(kept, f"{self._made:032x}"))
        return found

    def held(self) -> list[bytes]:
        """Return what the parts weigh: in memory, and stored."""
        stored = self.store.array(MIXTURE)
        assert stored is not None
        return [self.predictor.memory.mixture.sums().tobytes(), stored.tobytes()]


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    """The small bundle's model."""
    return load_model(open_bundle(bundle, trusted_keys=small.TRUSTED))


def test_undone_words_leave_the_stored_weights_as_they_were(model: Model) -> None:
    """To the bit, in memory and in the store."""
    typing = Typing(model, Store.in_memory())
    typing.keep(TEXT)
    before = typing.held()
    receipts = typing.keep(TEXT[::-1])
    assert typing.held() != before
    for receipt in reversed(receipts):
        typing.recorder.undo(receipt)
    assert typing.held() == before


def test_a_full_disk_leaves_the_weights_as_they_were(model: Model) -> None:
    """Nothing was learnt of a word that could not be stored."""
    store = FullDisk.in_memory()
    assert isinstance(store, FullDisk)
    typing = Typing(model, store)
    typing.keep(TEXT)
    before = typing.held()
    store.full = True
    with pytest.raises(TryAgain):
        typing.keep(["water"])
    assert typing.held() == before


def test_what_was_said_last_is_nowhere_in_the_profile(model: Model, tmp_path: Path) -> None:
    """A profile that is opened again has its counts and weights, no conversation and no states."""
    path, key = tmp_path / "profile.sqlite", DataKey.generate()
    store = Store.open(path, key)
    typing = Typing(model, store)
    typing.keep(TEXT)
    place = typing.predictor.place(("the",))
    assert min(place.buckets[part] for part in (CONVERSATION, PAIR, STATE)) >= 0
    arrays = store.arrays("")
    assert arrays[MIXTURE].shape == (2 * BUCKETS + 1,)
    assert not [name for name in arrays if name != MIXTURE and not name.startswith(("masses/", "touch"))]
    store.close()
    again = Typing(model, Store.open(path, key))
    assert again.held()[1] == arrays[MIXTURE].tobytes()
    place = again.predictor.place(("the",))
    assert place.buckets[PAIR] >= 0
    assert [place.buckets[part] for part in (CONVERSATION, STATE)] == [-1, -1]
    again.store.close()


def test_a_wiped_profile_has_no_weights(model: Model) -> None:
    """They are as they were shipped."""
    typing = Typing(model, Store.in_memory())
    typing.keep(TEXT)
    typing.store.wipe()
    typing.recorder.reload()
    assert typing.store.array(MIXTURE) is None
    assert (
        typing.predictor.memory.mixture.sums().tobytes() == Predictor(model).memory.mixture.sums().tobytes()
    )


def test_a_forgotten_word_is_in_no_part_of_memory(model: Model) -> None:
    """What was said last is forgotten with it: the network's states may hold it."""
    typing = Typing(model, Store.in_memory())
    typing.keep(TEXT)
    typing.recorder.forget_word("people")
    place = typing.predictor.place(("the",))
    assert "people" not in place.column
    assert [place.buckets[part] for part in (CONVERSATION, STATE)] == [-1, -1]
