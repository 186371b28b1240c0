"""Files of the trainer are there whole or not at all, with the mode that was asked for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from quietkeys_trainer.storage.files import PRIVATE, PUBLIC, write_first, write_whole


def test_a_file_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """The content is the new one's, the mode as well, and no draft stays."""
    path = tmp_path / "file"
    write_whole(path, b"first" * 1000, PUBLIC)
    write_whole(path, b"second", PRIVATE)
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == PRIVATE
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_of_several_stays(tmp_path: Path) -> None:
    """Whoever writes later finds what is there, and all at once make one file."""
    path = tmp_path / "file"
    contents = [bytes([number]) * 32 for number in range(16)]
    writers = [threading.Thread(target=write_first, args=(path, one, PRIVATE)) for one in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = path.read_bytes()
    assert found in contents
    write_first(path, b"later", PRIVATE)
    assert path.read_bytes() == found
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_what_fails_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A disk that fails while the draft is written, or in the moment of the change, changes nothing."""

    def fail(*_: object) -> None:
        raise OSError

    path = tmp_path / "file"
    write_whole(path, b"first", PRIVATE)
    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError):
        write_whole(path, b"second", PRIVATE)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
