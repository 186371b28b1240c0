"""The peers of the bench of autocorrect: how their answers are read, and the real ones where installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietkeys_bench.autocorrect.spellers.catalogue import PEERS, Peer, Texts, started
from quietkeys_bench.autocorrect.spellers.interface import Answer, Missing, PeerBroken, Speller, first_or
from quietkeys_bench.autocorrect.spellers.jamspell import in_place, trained_model, words_around
from quietkeys_bench.autocorrect.spellers.word_alone import answer_of
from quietkeys_bench.common.texts import training_texts


def test_no_suggestion_leaves_what_was_typed() -> None:
    """An engine without an idea changes nothing."""
    assert first_or((), "teh") == Answer("teh", ("teh",))
    assert first_or(("the", "ten", "tech", "meh"), "teh") == Answer("the", ("the", "ten", "tech"))


@pytest.mark.parametrize(
    ("line", "replies", "expected"),
    [
        ("the", ["*"], Answer("the", ("the",))),
        ("xqzt", ["# xqzt 1"], Answer("xqzt", ("xqzt",))),
        ("teh", ["& teh 3 1: the, ten, tech"], Answer("the", ("the", "ten", "tech"))),
        ("(teh", ["& teh 2 2: the, ten"], Answer("(the", ("(the", "(ten"))),
        ("teh wrok", ["& teh 1 1: the", "& wrok 2 5: work, wok"], Answer("the work", ("the work",))),
        ("alot", ["& alot 2 1: a lot, allot"], Answer("a lot", ("a lot", "allot"))),
    ],
)
def test_a_checkers_replies_become_an_answer(line: str, replies: list[str], expected: Answer) -> None:
    """Known words stay; an unknown one becomes its first suggestion, and the first three are its strip."""
    assert answer_of(line, replies) == expected


@pytest.mark.parametrize(
    ("fixed", "before", "typed", "after", "expected"),
    [
        ("see the water", "see ", "teh", " water", "the"),
        ("sea the, water", "see ", "teh", ", water", "the"),
        ('he said "the"', 'he said "', "teh", '"', "the"),
        ("the", "", "teh", "", "the"),
        ("the: is", "", "teh", ": is", "the"),
        ("too few", "see ", "teh", " water", "teh"),
    ],
)
def test_the_word_is_found_in_the_corrected_sentence(
    fixed: str, before: str, typed: str, after: str, expected: str
) -> None:
    """By its place among the tokens; punctuation that it is glued to is left off."""
    assert in_place(fixed, before, typed, after) == expected


def test_a_sentence_is_split_as_jamspell_splits_it() -> None:
    """Words of the sentence around the slot alone, in small letters; a token that is no word has no place."""
    assert words_around("No. See ", "Teh", " water. Yes") == (["see", "teh", "water"], 1)
    assert words_around("see ", "2day", "") == ([], 0)


def test_texts_held_back_for_perplexity_train_nothing(tmp_path: Path) -> None:
    """By their names; a folder without any other text is refused."""
    (tmp_path / "wikitext2_valid.txt").write_text("one\n")
    with pytest.raises(ValueError, match=r"no \.txt"):
        training_texts(tmp_path)
    with pytest.raises(PeerBroken, match=r"no \.txt"):
        trained_model(tmp_path, tmp_path / "cache")
    (tmp_path / "chat.txt").write_text("two\n")
    assert training_texts(tmp_path) == [tmp_path / "chat.txt"]


def peer_or_skip(name: str) -> Peer:
    """Return a peer that is installed."""
    peer = next(peer for peer in PEERS if peer.name == name)
    if not peer.is_installed():
        pytest.skip(f"{name} is not installed: {peer.install}")
    return peer


def sets_right(speller: Speller | Missing) -> bool:
    """Return whether a speller corrects a common mistake and leaves a good word alone."""
    assert not isinstance(speller, Missing), speller
    speller.approach("", "recieve")
    mistake = speller.correct("they ", "recieve", " letters")
    good = speller.correct("they ", "receive", " letters")
    glued = speller.correct("they ", "recieve.", " Letters")
    assert glued.text == "receive."
    assert speller.correct("at ", "10:30", "").text == "10:30"
    return mistake.text == "receive" and "receive" in mistake.strip and good.text == "receive"


@pytest.mark.parametrize("name", [peer.name for peer in PEERS if peer.name != "JamSpell"])
def test_a_real_peer_corrects_a_common_mistake(name: str) -> None:
    """Each that is installed, asked as the bench asks it; its version is known."""
    peer = peer_or_skip(name)
    assert peer.named().version != "unknown"
    with started(peer, Texts(None)) as speller:
        assert sets_right(speller)


def test_jamspell_is_trained_once(tmp_path: Path) -> None:
    """Its model comes from its own trainer, and is found again for the same texts."""
    peer = peer_or_skip("JamSpell")
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "made.txt").write_text("they receive a letter. we receive many letters.\n" * 50)
    with started(peer, Texts(texts, tmp_path / "cache")) as speller:
        assert sets_right(speller)
    model = trained_model(texts, tmp_path / "cache")
    written = model.stat().st_mtime_ns
    assert trained_model(texts, tmp_path / "cache").stat().st_mtime_ns == written
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [model.parent.name]
