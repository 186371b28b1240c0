"""`quietkeys bench autocorrect`: its rows, its scores, its peers, and one small run."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.autocorrect import bench as autocorrect
from quietkeys_bench.autocorrect.bench import Settings
from quietkeys_bench.autocorrect.scoring import figures, try_row, try_rows
from quietkeys_bench.autocorrect.spellers.catalogue import NO_TEXT, PEERS, Peer, Texts, require_installed
from quietkeys_bench.autocorrect.spellers.interface import Answer, PeerBroken, Speller
from quietkeys_bench.autocorrect.spellers.quietkeys import OurSpeller, split_glued
from quietkeys_bench.cli import app
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.mistakes import Row, Sample, read_rows, sample
from quietkeys_bench.common.rows import RowsUnreadable, corpus_name
from tests.bench.keyboards import ignore, small_keyboards

ROWS = (
    "typo\tcorrect\tcontext\n"
    "teh\tthe\tsee {{teh}} water\n"
    "wrok\twork\t\n"
    "don’t\tdon't\t\n"
    "The\tthe\t{{The}} end\n"
    "2day\ttoday\t\n"
    "fo\tof\n"
)


@dataclass(slots=True)
class Fixed:
    """A speller with a list of answers; it leaves other words alone."""

    answers: dict[str, Answer]
    name: str = "fixed"
    approached: list[tuple[str, str]] = field(default_factory=list)

    def approach(self, before: str, typed: str) -> None:
        """Note what is about to be typed."""
        self.approached.append((before, typed))

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return the answer for a word."""
        return self.answers.get(typed, Answer(typed, (typed,)))


def rows_file(folder: Path, content: str = ROWS, name: str = "made.tsv") -> Path:
    """Write rows, compressed if the name says so."""
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("name", ["made.tsv", "made.tsv.gz"])
def test_rows_are_read_with_the_text_around_the_slot(tmp_path: Path, name: str) -> None:
    """Plain and compressed files give the same rows; a context may be empty, or its column missing."""
    path = rows_file(tmp_path, name=name)
    rows = read_rows(path)
    assert corpus_name(path) == "made"
    assert rows[0] == Row("teh", "the", "see ", " water")
    assert rows[1] == Row("wrok", "work", "", "")
    assert rows[5] == Row("fo", "of", "", "")


def test_scored_are_letters_that_differ_by_more_than_case() -> None:
    """Digits, spaces, a mere change of case or of apostrophes are not scored; inner apostrophes are."""
    pairs = [("teh", "the"), ("dont", "don't"), ("The", "the"), ("don’t", "don't"), ("2day", "today")]
    assert [Row(*pair, "", "").is_scored for pair in pairs] == [True, True, False, False, False]
    assert not Row("ofthe", "of the", "", "").is_scored
    assert not Row("'tis", "'tis is", "", "").is_scored


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"wrong\tright\tcontext\na\tb\t\n", 1),
        (b"typo\tcorrect\tcontext\n", 0),
        (b"typo\tcorrect\tcontext\nteh\tthe\t\nsecret\n", 3),
        (b"typo\tcorrect\tcontext\nsecret\tthe\tsecret\tmore\n", 2),
        (b"typo\tcorrect\tcontext\nsecret\xff\tthe\t\n", 2),
    ],
)
def test_a_file_of_another_form_is_named_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    """The error has file and line, and none of the text."""
    path = tmp_path / "broken.tsv"
    path.write_bytes(content)
    with pytest.raises(RowsUnreadable, match=r"broken\.tsv") as caught:
        read_rows(path)
    assert caught.value.line == line
    assert "secret" not in str(caught.value)


def test_a_broken_gzip_file_is_named(tmp_path: Path) -> None:
    """A file that is cut off, or is not compressed at all, is refused in plain words."""
    whole = rows_file(tmp_path, name="whole.tsv.gz").read_bytes()
    for content in (whole[:-9], b"typo\tcorrect\tcontext\n"):
        path = tmp_path / "cut.tsv.gz"
        path.write_bytes(content)
        with pytest.raises(RowsUnreadable, match=r"cut\.tsv\.gz: it is not a whole gzip file"):
            read_rows(path)


def test_a_row_with_an_empty_side_is_read_and_not_tried(tmp_path: Path) -> None:
    """A word that was left out, or is one too many, cannot be typed and corrected."""
    rows = read_rows(rows_file(tmp_path, "typo\tcorrect\tcontext\n\tthe\t\nteh\tthe\tno slot here\n"))
    assert [row.is_tried for row in rows] == [False, True]
    assert sample(rows, 10, 0) == Sample((1,), (1,))
    assert rows[1].before == rows[1].after == ""


def test_a_sample_depends_on_its_seed_alone() -> None:
    """The same seed takes the same rows, without repeats; scored rows fill up to the limit."""
    rows = [Row("teh", "the", "", "") if number % 3 else Row("2", "two", "", "") for number in range(90)]
    first = sample(rows, 20, 1)
    assert first == sample(list(rows), 20, 1)
    assert first != sample(rows, 20, 2)
    assert len(set(first.scored)) == len(set(first.every)) == 20
    assert all(rows[place].is_scored for place in first.scored)
    assert set(first.tried()) == {*first.scored, *first.every}
    assert len(sample(rows, 1000, 1).every) == 90


@pytest.mark.parametrize(
    ("answer", "top1", "top3"),
    [
        (Answer("the", ("the", "teh")), True, True),
        (Answer("THE", ()), True, True),
        (Answer("ten", ("ten", "teh", "The")), False, True),
        (Answer("ten", ("ten", "teh", "tea", "the")), False, False),
    ],
)
def test_a_mistake_is_set_right_whatever_the_case(answer: Answer, top1: bool, top3: bool) -> None:
    """top1: the text after the space; top3: the first three of the strip, or that text."""
    outcome = try_row(Fixed({"teh": answer}), Row("teh", "the", "", ""))
    assert (outcome.top1, outcome.top3) == (top1, top3)


def test_a_good_word_that_changes_is_harm_unless_it_is_case() -> None:
    """Harm is measured with the good word in the same context; a change of case is told apart."""
    row = Row("monday's", "monday’s", "on ", "")
    altered = Fixed({"monday’s": Answer("Monday's", ())})
    harmed = try_row(Fixed({"monday’s": Answer("mondays", ())}), row)
    outcome = try_row(altered, row)
    assert (outcome.harmed, outcome.case_altered) == (False, True)
    assert (harmed.harmed, harmed.case_altered) == (True, False)
    assert altered.approached == [("on ", "monday's"), ("on ", "monday’s")]


def test_figures_are_shares_and_times_of_all_calls() -> None:
    """Every row is tried once; times are of both calls of a row, in milliseconds."""
    rows = [Row("teh", "the", "", ""), Row("wrok", "work", "", ""), Row("2", "two", "", "")]
    ticks = iter(range(100))
    told: list[int] = []
    score = try_rows(
        Fixed({"teh": Answer("the", ()), "work": Answer("wok", ())}),
        rows,
        Sample((0, 1), (2, 0)),
        lambda: told.append(1),
        lambda: float(next(ticks)),
    )
    assert len(told) == 3
    row = figures("fixed", "made", score.scored)
    assert (row["n"], row["top1"], row["top3"], row["harm"]) == (2, 0.5, 0.5, 0.5)
    assert row["p50_ms"] == row["p95_ms"] == 1000.0
    assert figures("fixed", "made", ())["top1"] == 0.0


def test_what_a_token_begins_with_is_no_context() -> None:
    """An opening bracket or quote is typed with the word, and is not part of the answer."""
    assert split_glued('he said ("') == ("he said ", '("')
    assert split_glued("he said ") == ("he said ", "")
    assert split_glued("") == ("", "")


def test_our_keyboard_knows_what_is_before_and_nothing_after(tmp_path: Path) -> None:
    """It is asked key by key; what comes later makes no difference; quotes are left off the answer."""
    with small_keyboards(tmp_path).fresh() as keyboard:
        speller = OurSpeller(keyboard)
        speller.approach("in the ", "wrold")
        answer = speller.correct("in the ", "wrold", " is")
        assert answer.text == "world"
        assert answer == speller.correct("in the ", "wrold", " of questions")
        assert "wrold" in speller.correct('in the "', "wrold", "").strip


def made_peer(name: str, speller: Speller | None, module: str = "json") -> Peer:
    """Return a peer that is there, or that is broken."""

    def start(texts: Texts) -> nullcontext[Speller]:
        if speller is None:
            raise PeerBroken("it lacks its words")
        return nullcontext(speller)

    return Peer(name, module, "", f"pip install {name}", "made up", start)


def test_a_small_run_has_its_form_and_every_engine_the_same_rows(tmp_path: Path) -> None:
    """Scored rows and rows of any kind for every engine; a peer that cannot be measured says why."""
    peers = (made_peer("good", Fixed({"teh": Answer("the", ("the",))}, "good")), made_peer("broken", None))
    out = tmp_path / "autocorrect.json"
    files = (rows_file(tmp_path), rows_file(tmp_path, name="other.tsv.gz"))
    autocorrect.run(Settings(files, rows=4, peers=peers), out, ignore, small_keyboards(tmp_path))
    tree = read_figures(out, "autocorrect")
    assert tree["missing_peers"] == [{"name": "broken", "reason": "it lacks its words"}]
    assert [engine["name"] for engine in tree["engines"]] == ["quietkeys", "good"]
    found = {(row["engine"], row["corpus"]): row for row in tree["rows"]}
    assert {key[1] for key in found} == {"made", "other"}
    assert found["good", "made"]["n"] == found["quietkeys", "made"]["n"] == 3
    assert found["good", "made"]["top1"] == pytest.approx(1 / 3)
    assert {row["n"] for row in tree["all_rows"]} == {4}
    assert tree["corpora"][0] == {"corpus": "made", "rows": 6, "empty": 0, "scored": 3, "with_context": 2}


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their rows could not be told apart."""
    files = (rows_file(tmp_path), rows_file(tmp_path, name="made.tsv.gz"))
    with pytest.raises(ValueError, match="no two files of the same name"):
        autocorrect.run(Settings(files), tmp_path / "out.json", ignore, small_keyboards(tmp_path))


def test_a_peer_that_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    """Nothing is skipped silently."""
    absent = made_peer("absent", None, module="no_such_module_here")
    with pytest.raises(DemoFailed, match=r"not installed: absent\. pip install absent"):
        require_installed((absent,))
    require_installed((made_peer("there", None),))


def test_jamspell_without_texts_says_what_it_needs() -> None:
    """Its model is trained on a folder that has to be given."""
    with (
        pytest.raises(PeerBroken, match="--text"),
        next(p for p in PEERS if p.name == "JamSpell").start(Texts(None)),
    ):
        pass
    assert "--text" in NO_TEXT


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tsv", "missing.tsv"], "No such file"),
        (["--tsv", "bad.tsv"], "bad.tsv, line 1"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], sentence: str
) -> None:
    """A plain sentence and an exit status, no traceback and no figures."""
    monkeypatch.chdir(tmp_path)
    Path("bad.tsv").write_text("nothing\n")
    result = CliRunner().invoke(app, ["autocorrect", *arguments, "--json", "out.json"])
    assert result.exit_code == 2
    assert sentence in result.output
    assert not Path("out.json").exists()


def test_the_command_measures_the_shipped_bundle(tmp_path: Path) -> None:
    """Several files after one --tsv, figures in their form, a table on the screen."""
    files = [str(rows_file(tmp_path)), str(rows_file(tmp_path, name="other.tsv"))]
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["autocorrect", "--tsv", *files, "--rows", "3", "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert {row["corpus"] for row in read_figures(out, "autocorrect")["rows"]} == {"made", "other"}
    assert "quietkeys" in result.output
