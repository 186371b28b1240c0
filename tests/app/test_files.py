"""Choosing a file: folders first, nothing hidden, and a reason where there is no such file to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietkeys_keyboard.presenters.files import Entry, FilesPresenter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a folder, two files, and something hidden."""
    for name in ("inner", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("b.txt", "A.txt", ".secret"):
        (tmp_path / name).write_text("words")
    return tmp_path


def browse(folder: Path, *, saving: bool, name: str = "") -> FilesPresenter:
    """A dialog that shows a folder."""
    return FilesPresenter(folder, saving, lambda: None, name)


def test_folders_come_first_and_nothing_is_hidden_but_what_is(folder: Path) -> None:
    """To read: folders and files, by name; to write: folders."""
    assert browse(folder, saving=False).entries() == [
        Entry("inner", is_folder=True),
        Entry("A.txt", is_folder=False),
        Entry("b.txt", is_folder=False),
    ]
    assert [entry.name for entry in browse(folder, saving=True).entries()] == ["inner"]


def test_one_goes_in_and_out(folder: Path) -> None:
    """A chosen file is forgotten in another folder, a name to write is kept."""
    reading = browse(folder, saving=False)
    reading.open(Entry("A.txt", is_folder=False))
    assert reading.chosen() == folder / "A.txt"
    reading.open(Entry("inner", is_folder=True))
    assert (reading.folder, reading.name, reading.entries()) == (folder / "inner", "", [])
    reading.up()
    assert reading.folder == folder
    writing = browse(folder, saving=True, name="new.json")
    writing.open(Entry("inner", is_folder=True))
    assert writing.chosen() == folder / "inner" / "new.json"


def test_a_file_that_is_there_is_replaced_only_when_that_is_said_twice(folder: Path) -> None:
    """The first time it is said that it is there; another name is asked about anew."""
    dialog = browse(folder, saving=True, name="b.txt")
    assert dialog.chosen() is None
    assert "Press again to replace it" in dialog.problem
    dialog.name = "A.txt"
    assert dialog.chosen() is None
    dialog.name = "new.txt"
    assert dialog.chosen() == folder / "new.txt"
    dialog.name = "A.txt"
    assert dialog.chosen() is None
    assert dialog.chosen() == folder / "A.txt"


@pytest.mark.parametrize("saving", [False, True])
@pytest.mark.parametrize("name", ["", "  ", "../other", "inner", "missing/x", "/etc/passwd"])
def test_what_is_no_file_is_said(folder: Path, name: str, saving: bool) -> None:
    """And nothing is chosen; a good name afterwards is."""
    dialog = browse(folder, saving=saving, name=name)
    assert dialog.chosen() is None
    assert dialog.problem
    dialog.name = "c.txt" if saving else "b.txt"
    assert dialog.chosen() == folder / dialog.name
    assert not dialog.problem


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    """It has no entries, and one can go up."""
    dialog = browse(tmp_path / "gone", saving=False)
    assert dialog.entries() == []
    assert dialog.problem
    assert not dialog.hint()
    dialog.up()
    assert (dialog.folder, dialog.problem) == (tmp_path, "")


def test_where_one_is_is_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From home on, and that there is nothing where there is nothing."""
    assert browse(folder, saving=False).title() == str(folder)
    monkeypatch.setenv("HOME", str(folder))
    dialog = browse(folder, saving=True)
    assert (dialog.title(), dialog.hint()) == ("Home", "")
    dialog.open(Entry("inner", is_folder=True))
    assert dialog.title() == "Home / inner"
    assert dialog.hint()
