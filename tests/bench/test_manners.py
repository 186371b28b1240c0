"""`quietkeys bench manners`: its rows, its users, one small run, and the rows that hold for every build."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from quietkeys.environment import Environment
from quietkeys_bench.cli import app
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.rows import RowsUnreadable
from quietkeys_bench.common.subject import Keyboards
from quietkeys_bench.manners import bench as manners
from quietkeys_bench.manners.bench import Settings
from quietkeys_bench.manners.rows import Habit, Row, read_rows
from quietkeys_bench.manners.user import CONTEXTS, Day, Longest, Outcome, User, spread
from tests.bench import promises
from tests.bench.keyboards import ignore, small_keyboards

ROWS: Final = Path(__file__).parents[1] / "vectors" / "manners"
SHARED: Final = ROWS / "english.tsv"
UNSEEN: Final = ROWS / "unseen.tsv"  # written when all was decided
HEADER: Final = "kind\tkept\tcontext\ttyped\texpected\n"
MADE: Final = HEADER + (
    "slips\t\tin the\twrold\tworld\n"
    "slips\t\tthe\twaht\t!waht\n"
    "own words\tzozo*4/2\tthe\tzozo\t=\n"
    "own words\tzozo*4/2\tnow\\n\tzozo\tZozo\n"
    "missed\t\t\tplay\t=|plays\n"
)


def rows_file(folder: Path, content: str = MADE, name: str = "made.tsv") -> Path:
    """Write rows."""
    path = folder / name
    path.write_bytes(content.encode())
    return path


def row(expected: str, typed: str = "teh") -> Row:
    """Return a row that expects something."""
    return Row("made", (), "", typed, expected)


def test_rows_are_read_as_they_are_written(tmp_path: Path) -> None:
    """What was kept is words with times and sessions; a line break in the context is two characters."""
    rows = read_rows(rows_file(tmp_path, HEADER + "a\tfyi*12/4 il*3/3\thi\\n\\n\tFYI\t=\nb\t\t• \tx\ty\n"))
    assert rows[0] == Row("a", (Habit("fyi", 12, 4), Habit("il", 3, 3)), "hi\n\n", "FYI", "=")
    assert rows[1] == Row("b", (), "• ", "x", "y")


@pytest.mark.parametrize(
    ("expected", "text", "allowed"),
    [
        ("=", "teh", True),
        ("=", "Teh", False),
        ("=", "the", False),
        ("the", "the", True),
        ("the", "The", False),
        ("=|the", "teh", True),
        ("=|the", "the", True),
        ("=|the", "ten", False),
        ("!the", "teh", True),
        ("!the", "the", False),
        ("!the|ten", "ten", False),
        ("i don't|I don't", "I don't", True),
    ],
)
def test_what_is_expected_is_compared_exactly(expected: str, text: str, allowed: bool) -> None:
    """Capitals count; there may be a choice, and a thing that must not be there."""
    assert row(expected).allows(text) == allowed


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", 1),
        ("typo\tcorrect\tcontext\nsecret\tb\t\n", 1),
        (HEADER, 0),
        (HEADER + "a\t\t\tteh\tthe\nsecret\t\t\tteh\n", 3),
        (HEADER + "a\t\t\tsecret\tthe\tmore\n", 2),
        (HEADER + "\t\t\tsecret\tthe\n", 2),
        (HEADER + "a\t\tsecret\t\tthe\n", 2),
        (HEADER + "a\t\tsecret\tteh\t\n", 2),
        (HEADER + "a\t\tsecret\tteh\t!\n", 2),
        *((HEADER + f"a\t{kept}\t\tteh\t=\n", 2) for kept in ("secret", "secret*3", "*3/1", "secret*x/1")),
        *((HEADER + f"a\t{kept}\t\tteh\t=\n", 2) for kept in ("secret*2/3", "secret*0/0", "secret*5000/1")),
    ],
)
def test_a_file_of_another_form_is_named_with_its_line(tmp_path: Path, content: str, line: int) -> None:
    """The error has file and line, and none of the text."""
    with pytest.raises(RowsUnreadable, match=r"broken\.tsv") as caught:
        read_rows(rows_file(tmp_path, content, "broken.tsv"))
    assert caught.value.line == line
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told apart from a wrong form."""
    path = tmp_path / "broken.tsv"
    path.write_bytes(HEADER.encode() + b"a\t\t\tsecret\xff\t=\n")
    with pytest.raises(RowsUnreadable, match=r"broken\.tsv, line 2: it is not UTF-8"):
        read_rows(path)


@pytest.mark.parametrize(("times", "sessions", "each"), [(6, 3, [2, 2, 2]), (7, 3, [3, 2, 2]), (1, 1, [1])])
def test_what_is_kept_is_spread_over_sessions(times: int, sessions: int, each: Sequence[int]) -> None:
    """As evenly as can be."""
    assert spread(times, sessions) == each


@pytest.mark.parametrize(("habit", "learnt"), [(Habit("zozo", 4, 2), True), (Habit("zozo", 9, 1), False)])
def test_a_user_keeps_words_within_sentences_and_over_sessions(
    tmp_path: Path, habit: Habit, learnt: bool
) -> None:
    """A word of the user's own is learnt over two sessions, never within one."""
    day = Day()
    with small_keyboards(tmp_path).fresh(Environment(clock=day)) as keyboard:
        user = User(keyboard, day)
        user.keep([habit])
        assert keyboard.status().words_recorded == habit.times
        assert [one.text for one in keyboard.vocabulary.words()] == ["zozo"] * learnt
        assert user.record.wall > 0.0
    assert all(re.fullmatch(r"[a-z ]+ ", context) for context in CONTEXTS)


def test_the_longest_call_is_told_by_both_clocks() -> None:
    """Each maximum is taken for itself: a call that waits long may compute little."""
    wall, processor = iter([0.0, 3.0, 3.0, 4.0]), iter([0.0, 0.1, 0.1, 0.6])
    longest = Longest(clock=lambda: next(wall), processor_clock=lambda: next(processor))
    for _ in range(2):
        with longest.call():
            pass
    assert longest.figures() == {"wall_ms": 3000.0, "processor_ms": pytest.approx(500.0)}


def test_a_small_run_has_its_form(tmp_path: Path) -> None:
    """Shares of every kind and file; outcomes come in the order of the rows."""
    files = (rows_file(tmp_path), rows_file(tmp_path, HEADER + "missed\t\t\tplay\t!play\n", "other.tsv"))
    out = tmp_path / "manners.json"
    outcomes = manners.run(Settings(files), out, ignore, small_keyboards(tmp_path))
    figures = read_figures(out, "manners")
    assert [one.row.typed for one in outcomes] == ["wrold", "waht", "zozo", "zozo", "play", "play"]
    assert [one.text for one in outcomes] == ["world", "what", "zozo", "zozo", "play", "play"]
    assert figures["n"] == 6
    assert figures["right"] == pytest.approx(4 / 6)
    assert {one["kind"]: (one["n"], one["right"]) for one in figures["kinds"]} == {
        "slips": (2, 1.0),
        "own words": (2, 0.5),
        "missed": (2, 0.5),
    }
    assert [(one["file"], one["n"], one["right"]) for one in figures["files"]] == [
        ("made", 5, 0.8),
        ("other", 1, 0.0),
    ]
    assert figures["level"] == "normal"
    assert figures["longest"]["suggest"]["wall_ms"] > 0.0
    assert "zozo" not in out.read_text()


def test_corrections_that_are_not_shown_are_counted() -> None:
    """Of right rows and of wrong ones."""
    outcomes = [
        Outcome(row("="), "Teh", True),
        Outcome(row("the"), "the", True),
        Outcome(row("="), "teh", False),
    ]
    assert manners.counted(outcomes) == {"n": 3, "right": pytest.approx(2 / 3), "not_in_strip": 2}


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their rows could not be told apart."""
    (tmp_path / "other").mkdir()
    files = (rows_file(tmp_path), rows_file(tmp_path / "other"))
    with pytest.raises(ValueError, match="no two files of the same name"):
        manners.run(Settings(files), tmp_path / "out.json", ignore, small_keyboards(tmp_path))


def test_the_command_shows_rows_only_where_asked(tmp_path: Path) -> None:
    """Figures in their form and a table; the rows that are wrong may be private."""
    out = str(tmp_path / "out.json")
    path = str(rows_file(tmp_path, HEADER + "slips\t\tthe\tscertan\tzzz\n"))
    plain = CliRunner().invoke(app, ["manners", "--tsv", path, "--json", out])
    assert plain.exit_code == 0, plain.output
    assert "slips" in plain.output
    assert "scertan" not in plain.output
    shown = CliRunner().invoke(app, ["manners", "--tsv", path, "--json", out, "--show"])
    assert "slips: 'the' 'scertan' -> " in shown.output
    assert read_figures(tmp_path / "out.json", "manners")["right"] == 0.0


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """A plain sentence and an exit status, no traceback and no figures."""
    out = tmp_path / "out.json"
    path = str(rows_file(tmp_path, "nothing\n", "bad.tsv"))
    result = CliRunner().invoke(app, ["manners", "--tsv", path, "--json", str(out)])
    assert result.exit_code == 2
    assert "bad.tsv, line 1" in result.output
    assert not out.exists()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """Figures of the shared rows on the shipped bundle."""
    out = tmp_path_factory.mktemp("manners") / "manners.json"
    manners.run(Settings((SHARED,)), out, ignore)
    return read_figures(out, "manners")


def test_the_keyboard_has_manners(shared: Figures) -> None:
    """Nearly all shared rows are right, most of every kind, and all mistakes are still put right."""
    assert promises.unmannerly(shared) == []


def test_every_correction_is_in_its_strip(shared: Figures) -> None:
    """Also one of capitals alone: what Space will insert is seen before, and can be refused."""
    assert promises.unshown(shared) == []


def test_rows_that_nothing_was_made_with_fare_no_worse(tmp_path: Path) -> None:
    """Most of them are right too, mistakes that are still to be put right all are."""
    manners.run(Settings((UNSEEN,)), tmp_path / "manners.json", ignore)
    figures = read_figures(tmp_path / "manners.json", "manners")
    assert promises.unmannerly(figures, promises.MANNERS_UNSEEN) == []
    assert promises.unshown(figures) == []


def test_a_space_at_the_end_of_the_context_makes_no_difference() -> None:
    """An app may give the text with the space before the word, or without."""
    with Keyboards().fresh() as keyboard:
        for one in read_rows(SHARED):
            if one.context and not one.context[-1].isspace():
                given = keyboard.suggest(one.context, one.typed)
                spaced = keyboard.suggest(one.context + " ", one.typed)
                assert (given.correction, given.strip) == (spaced.correction, spaced.strip), one.kind
