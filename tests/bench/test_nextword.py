"""`quietkeys bench nextword`: prompts, keys, the trigram model, perplexity, and one small run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from quietkeys.evaluation.messages import read_messages, typed_words
from quietkeys.text.tokens import Context, Piece, words_of
from quietkeys_bench.cli import app
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.texts import Person, find_people
from quietkeys_bench.nextword import bench as nextword
from quietkeys_bench.nextword.bench import Settings
from quietkeys_bench.nextword.perplexity import (
    Spelling,
    peer_log_probability,
    perplexity,
    predicted,
    word_log_probability,
)
from quietkeys_bench.nextword.strips import (
    PEER_LEARNS,
    OurStrip,
    PeerStrip,
    Prompt,
    Tally,
    chosen_places,
    first_prompts,
    keys_pressed,
    pieces_of,
    prompts,
    try_strip,
)
from quietkeys_bench.nextword.train_trigram import train
from quietkeys_bench.nextword.trigram import (
    BLANK,
    DISCOUNT,
    FIRST,
    SHIPPED,
    START,
    UNKNOWN,
    Trigram,
    count,
    discounted,
    last_two,
    load,
    triples_of,
)
from tests.bench.keyboards import ignore, small_keyboards
from tests.sdk import small

LINES = ("see you there. see you soon", "I see a tree at 10 o'clock", "you see me there")
WORDS = ("see", "you", "there", "a", "me")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A strip with the same words for the same letters, whatever comes before."""

    strips: dict[str, Sequence[str]]
    kept: list[str] = field(default_factory=list)

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return the words for these letters."""
        return self.strips.get(typed, (typed,))

    def log_probability(self, piece: Piece) -> float:
        """Return the same for every word."""
        return -2.0

    def keep(self, prompt: Prompt) -> None:
        """Note a word that was kept."""
        self.kept.append(prompt.word)


def trigram(lines: Sequence[str] = LINES, words: Sequence[str] = WORDS) -> Trigram:
    """Return the model of some lines."""
    ids = {word: place for place, word in enumerate(words, FIRST)}
    pieces = [piece for line in lines for piece in words_of("", line)]
    return Trigram.of(count(triples_of(pieces, ids), FIRST + len(words)), words)


def test_prompts_are_the_words_that_the_ladder_types(writers: Path) -> None:
    """The same words in the same order, each with the text of its message before it."""
    messages = [*LINES, "  (Don’t) -- reply, @you   2day!", "..."]
    found = prompts(messages)
    assert [prompt.word for prompt in found] == [word.text for word in typed_words(messages)]
    assert found[1] == Prompt("see ", "you")
    assert found[-1].context == "  (Don’t) -- reply, @you   "
    person = find_people(writers)[0]
    assert [one.word for one in first_prompts(person, 0)] == [word.text for word in person.words()]


def test_what_a_keyboard_leaves_alone_is_one_piece() -> None:
    """Abbreviations with dots, names of files and hosts, what is marked; other words have their pieces."""
    words = typed_words(["see e.g. readme.md, @anna or so...thnks"])
    assert [[(piece.text, piece.correctable) for piece in word.pieces] for word in words] == [
        [("see", True)],
        [("e.g", False)],
        [("readme.md", False)],
        [("#anna", False)],
        [("or", True)],
        [("so", True), ("...", False), ("thnks", True)],
    ]


def test_a_limit_takes_the_first_words(writers: Path) -> None:
    """As somebody types them who starts with an empty profile."""
    person = find_people(writers)[0]
    assert first_prompts(person, 100) == first_prompts(person, 0)[:100]


def test_a_word_in_the_strip_costs_one_key() -> None:
    """It is taken as soon as it is there; the key types the space too; otherwise all keys are hit."""
    strip = Fixed({"": ("you", "see", "the"), "t": ("t", "there", "then"), "tree": ("trees",)})
    assert keys_pressed(strip, Prompt("", "see")) == 1
    assert keys_pressed(strip, Prompt("", "there")) == 2
    assert keys_pressed(strip, Prompt("", "tree")) == 5
    assert keys_pressed(Fixed({"": ("a", "b", "c", "see")}), Prompt("", "see")) == 4


def test_every_word_is_offered_before_it_is_learnt() -> None:
    """In order, all of them, those that are written key by key included."""
    strip = Fixed({})
    tested = [Prompt("", word) for word in ("see", "you", "a")]
    try_strip(strip, tested, [1])
    assert strip.kept == ["see", "you", "a"]


def test_the_peer_counts_anew_from_time_to_time() -> None:
    """What the person wrote so far, if it learns; else it stays the model of everybody."""
    learning, fixed = PeerStrip(trigram(), learns=True), PeerStrip(trigram())
    before = learning.log_probability(Piece((), "zork"))
    for _ in range(PEER_LEARNS):
        for strip in (learning, fixed):
            strip.keep(Prompt("", "zork"))
    assert learning.log_probability(Piece((), "zork")) > before
    assert fixed.log_probability(Piece((), "zork")) == before


def test_the_case_of_a_suggestion_does_not_matter() -> None:
    """Words are compared as they are counted."""
    tally = try_strip(
        Fixed({"": ("See", "YOU", "it’s")}), [Prompt("", w) for w in ("see", "you", "it's", "x")], []
    )
    assert (tally.words, tally.top1, tally.top3) == (4, 1, 3)


def test_saved_keys_are_a_share_of_the_keys_without_suggestions() -> None:
    """Only chosen words are written; figures pool by adding up."""
    strip = Fixed({"": ("see",)})
    tested = [Prompt("", "see"), Prompt("", "you")]
    tally = try_strip(strip, tested, [0]).plus(try_strip(strip, tested, [1]))
    assert tally == Tally(4, 2, 2, 2, 5, 8, 4, -8.0)
    assert tally.figures()["log_likelihood"] == -2.0
    assert tally.figures()["keystrokes_saved"] == pytest.approx(3 / 8)
    assert Tally().figures()["keystrokes_saved"] == 0.0


def test_chosen_places_depend_on_their_seed_alone() -> None:
    """In order, without repeats, all of them where there are few."""
    assert chosen_places(100, 10, 1) == chosen_places(100, 10, 1) != chosen_places(100, 10, 2)
    assert chosen_places(3, 10, 0) == [0, 1, 2]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ((), (START, START)),
        (("see",), (START, FIRST)),
        (("a", "see"), (FIRST + 1, FIRST)),
        (("a", "see", ""), (START, START)),
        (("a", "", "see"), (START, FIRST)),
        (("#", "other"), (BLANK, UNKNOWN)),
    ],
)
def test_a_sentence_begins_anew(context: Context, expected: tuple[int, int]) -> None:
    """No word before its beginning counts; what is no word is a blank, other words are unknown."""
    assert last_two(context, {"see": FIRST, "a": FIRST + 1}) == expected


@pytest.mark.parametrize("context", [(), ("see",), ("i", "see"), ("see", "you"), ("never", "heard"), ("#",)])
def test_probabilities_sum_to_one(context: Context) -> None:
    """For contexts that were seen and others, with a person's counts and without, pruned or not."""
    base = trigram()
    ids = base.base_ids
    pieces = [piece for line in LINES * 3 for piece in words_of("", line)]
    pruned = Trigram.of(count(triples_of(pieces, ids), FIRST + len(WORDS), 4, 5), WORDS)
    person = base.with_person(words_of("", "see zork there you zork"))
    for model in (base, pruned, person, base.with_person([])):
        chances = model.probabilities(context)
        assert chances.sum() == pytest.approx(1.0)
        assert (chances >= 0).all()
        assert chances[START] == chances[BLANK] == 0.0


def test_a_probability_is_the_formula() -> None:
    """Absolute discounting, counted by hand: "see" is followed by "you" twice, by "a" and by "me"."""
    base = trigram()
    you = base.ids["you"]
    single = base.base.single[you] / base.base.single.sum()
    double = (2 - DISCOUNT) / 4 + (1 - (2 - DISCOUNT + 2 * (1 - DISCOUNT)) / 4) * single
    assert base.probability(("there", "see"), "you") == pytest.approx(double)
    triple = (2 - DISCOUNT) / 2 + (1 - (2 - DISCOUNT) / 2) * double
    assert base.probability(("see",), "you") == pytest.approx(triple)


def test_an_unseen_context_backs_off() -> None:
    """To the last word alone, and from there to how frequent words are."""
    base = trigram()
    assert np.allclose(base.probabilities(("tree", "a")), base.probabilities(("zebra", "a")))
    single = base.base.single / base.base.single.sum()
    assert np.allclose(
        base.probabilities(("there", "me")), discounted(base.base, UNKNOWN, base.ids["me"], DISCOUNT)
    )
    assert base.probabilities(("me", "there")) == pytest.approx(single)


def test_a_person_brings_their_own_words() -> None:
    """They can be suggested and completed, where nobody else has them."""
    person = trigram().with_person(words_of("", "see zork. " * 600))
    assert "zork" not in trigram().ids
    assert person.suggest(("see",), "", 3)[0] == "zork"
    assert person.suggest(("see",), "zo", 3) == ("zork",)
    assert person.suggest(("see",), "zork", 3) == ()
    assert PeerStrip(person).shown("see ", "zo") == ("zo", "zork")
    assert len(PeerStrip(person).shown("see ", "")) == 3


def test_tables_are_the_same_after_reading(tmp_path: Path) -> None:
    """What is written small is read whole."""
    model = trigram()
    model.base.save(tmp_path / "made.npz", WORDS)
    counts, words = load(tmp_path / "made.npz")
    assert words == WORDS
    again = Trigram.of(counts, words)
    for context in ((), ("see",), ("see", "you")):
        assert np.array_equal(again.probabilities(context), model.probabilities(context))


def test_the_committed_tables_are_small_and_know_english() -> None:
    """At most 3 MB; common words follow common words."""
    assert SHIPPED.stat().st_size <= 3_000_000
    model = Trigram.shipped()
    assert model.probabilities(("i", "am")).sum() == pytest.approx(1.0)
    assert "you" in model.suggest(("thank",), "", 3)


def test_training_keeps_words_of_several_kinds_of_text(tmp_path: Path) -> None:
    """Not the names of single people: those that chat lines begin with, or that one kind of text has."""
    (tmp_path / "chat_1.txt").write_text("zork: see you there\n" * 10)
    (tmp_path / "mail.txt").write_text("see you there tree\n" * 10)
    (tmp_path / "wikitext_x.txt").write_text("tree see\n" * 10)
    counts, words = train(tmp_path)
    assert sorted(words) == ["see", "there", "you"]
    assert counts.single.sum() == 70
    assert counts.single[UNKNOWN] == 10


def test_recorded_words_and_the_peers_counts_are_the_same_pieces() -> None:
    """A word of two pieces is two; what is no word is none."""
    learnt = [Prompt("see ", "thnk...so"), Prompt("at ", "10am")]
    assert [piece.text for piece in pieces_of(learnt)] == ["thnk", "so"]


def test_perplexity_is_of_all_words() -> None:
    """Unknown words count with their spelling, so that shorter ones are likelier; no word is no figure."""
    model, spelling = trigram(), Spelling.of(WORDS)
    assert perplexity(predicted(["see you"]), lambda context, word: -np.log(8.0)) == pytest.approx(8.0)
    assert spelling.of_word("se") > spelling.of_word("zqxjk")
    chances = [np.exp(spelling.of_word(one)) for one in "abcdefghijklmnopqrstuvwxyz'é"]
    assert sum(chances) < 1.0
    known = peer_log_probability(model, spelling, (), "see")
    assert known == pytest.approx(np.log(model.probability((), "see")))
    assert peer_log_probability(model, spelling, (), "zork") < np.log(model.probability((), "zork"))
    with pytest.raises(ValueError, match="no word"):
        perplexity([], lambda context, word: 0.0)


def test_mark_up_is_no_word() -> None:
    """It is a blank to what follows."""
    assert [(piece.context, piece.text) for piece in predicted(["the <unk> tree"])] == [
        ((), "the"),
        (("the", "#"), "tree"),
    ]


def test_a_small_run_has_its_form(tmp_path: Path, writers: Path) -> None:
    """Both engines on both rungs, for everybody, by kind and together."""
    out = tmp_path / "nextword.json"
    settings = Settings(find_people(writers), words=120, keystroke_words=5)
    nextword.run(settings, out, ignore, small_keyboards(tmp_path), trigram(small.text(9, 200), small.WORDS))
    tree = read_figures(out, "nextword")
    assert [(row["engine"], row["rung"]) for row in tree["rows"]] == list(nextword.RUNGS)
    assert {row["people"] for row in tree["rows"]} == {3}
    assert {row["words"] for row in tree["rows"]} == {3 * 120}
    assert {row["keystroke_words"] for row in tree["rows"]} == {15}
    assert {(row["kind"], row["people"]) for row in tree["groups"]} == {("chat", 2), ("mail", 1)}
    assert len(tree["people"]) == 3 * len(nextword.RUNGS)
    assert tree["top3"] == tree["rows"][0]["top3"]
    assert tree["perplexity"] is None


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, writers: Path) -> None:
    """Who was measured already is not measured again, unless something else is asked."""
    out = tmp_path / "nextword.json"
    settings = Settings(find_people(writers)[:1], words=40, keystroke_words=2)
    engines = small_keyboards(tmp_path), trigram(small.text(9, 200), small.WORDS)
    nextword.run(settings, out, ignore, *engines)
    before = read_figures(out, "nextword")
    cell = tmp_path / "nextword.cells" / f"{settings.people[0].name}.json"
    marked = json.loads(cell.read_text())
    for row in marked["tallies"]:
        row["counts"]["top3"] = 40
    cell.write_text(json.dumps(marked))
    nextword.run(settings, out, ignore, *engines)
    assert read_figures(out, "nextword")["top3"] == 1.0
    nextword.run(replace(settings, seed=1), out, ignore, *engines)
    assert read_figures(out, "nextword")["top3"] == before["top3"] < 1.0


def test_our_keyboard_learns_what_is_recorded(tmp_path: Path) -> None:
    """Words as they were kept, each after the words before it; a word that the bundle lacks, too."""
    with small_keyboards(tmp_path).fresh() as keyboard:
        strip = OurStrip(keyboard, learns=True)
        for prompt in prompts(["please write quimble"] * 40):
            strip.keep(prompt)
        assert "quimble" in OurStrip(keyboard).shown("please write ", "")


def test_a_keyboards_own_perplexity(tmp_path: Path) -> None:
    """Any word has a probability, and words after a context do not have more than one together."""
    with small_keyboards(tmp_path).fresh() as keyboard:
        chances = [word_log_probability(keyboard, ("of",), word) for word in ("the", "and", "zqxjk")]
    assert chances[0] > chances[2]
    assert sum(np.exp(chances)) < 1.0


def test_the_command_measures_the_shipped_bundle(tmp_path: Path, writers: Path) -> None:
    """Figures in their form, perplexity included, and a table on the screen."""
    out, text = tmp_path / "out.json", tmp_path / "text.txt"
    text.write_text("\n".join(read_messages(Person("chat_1", writers / "chat_1.txt.gz").path)[:5]))
    options = ["--limit", "1", "--words", "100", "--keystroke-words", "3", "--perplexity", str(text)]
    result = CliRunner().invoke(app, ["nextword", "--people", str(writers), *options, "--json", str(out)])
    assert result.exit_code == 0, result.output
    tree = read_figures(out, "nextword")
    assert {row["engine"] for row in tree["perplexities"]} == {"quietkeys", "trigram"}
    assert tree["perplexity"] > 1.0
    assert "keys saved" in result.output
