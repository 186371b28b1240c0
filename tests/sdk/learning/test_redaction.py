"""The canary suite: what is secret reaches no count, no dictionary, no mark, no log, no error and no wire."""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import QuietkeysError, UndoReceipt
from quietkeys.api.typing_model import TypingModel
from quietkeys.bundle.bundle import SHIPPED
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.environment import Environment
from quietkeys.learning.recorder import record
from quietkeys.prediction.preferences import Preferences
from quietkeys.prediction.redaction import Stretch, is_card_number
from quietkeys.prediction.suggest import suggestions
from quietkeys.profile.store import Store
from quietkeys.text.tokens import BLANK, Context, words_of
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import rows_in

PATTERNS = (re.compile(r"\bproject \w+", re.IGNORECASE), re.compile(r"\bqk-[a-z]+\b"), re.compile(r"\bfom\b"))


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    """Strings made of these parts in order."""
    given_parts = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*given_parts).map("".join)


def with_luhn_digit(digits: str) -> str:
    """Return these digits and the one that makes a card number of them."""
    return next(digits + last for last in string.digits if is_card_number(digits + last))


def random_letters(seed: int) -> str:
    """Return sixteen letters without sense."""
    return "".join(np.random.default_rng(seed).choice(list(string.ascii_lowercase), 16))


def in_fours(card: str, separator: str) -> str:
    """Return a card number as it is printed."""
    return separator.join(card[at : at + 4] for at in range(0, len(card), 4))


WORD = st.sampled_from(["falcon", "summer", "dragon", "house", "monday", "friend", "market"])
NAME = st.one_of(WORD, st.text(string.ascii_lowercase, min_size=2, max_size=9))
DIGITS = st.text(string.digits, min_size=3, max_size=11)
CARD = st.text(string.digits, min_size=15, max_size=15).map(with_luhn_digit)
DIGIT_WORDS = st.sampled_from(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
BEFORE = st.sampled_from(["", "see", "it is", "I wrote to my friend. Then", "see you\nand"])
# What is secret wherever it stands.
SECRET = st.one_of(
    DIGITS,
    joined(NAME, DIGITS),
    joined(NAME, DIGITS, "-", NAME),
    joined("sk_live_", NAME),
    CARD,
    st.tuples(CARD, st.sampled_from(" -.")).map(lambda pair: in_fours(*pair)),
    joined(CARD.map(lambda card: in_fours(card, " ")), " ", NAME, " ", NAME),
    joined(NAME, "@", NAME, ".test"),
    joined(NAME, ".", NAME, "@", NAME, "."),
    joined(NAME, "@ ", NAME),
    joined(NAME, " @ ", NAME, ".com"),
    joined(NAME, " at ", NAME, " dot org"),
    joined(NAME, "(at)", NAME, ".org"),
    joined("https://", NAME, ".test/", NAME, "?q=", NAME),
    joined("www.", NAME, ".fr/ ", NAME),
    joined(NAME, "-", NAME, ".com"),
    joined("home/", NAME, "/", NAME),
    st.integers(0, 10**9).map(random_letters),
    joined("hElLo", NAME.map(str.upper), "tHeRe"),
    st.lists(DIGIT_WORDS, min_size=4, max_size=8).map(" ".join),
    st.just("aa:bb:cc:dd:ee:ff"),
    joined("project ", NAME),
    joined("qk-", NAME),
)
# What is secret because of what stands before it.
TOLD = st.one_of(
    st.tuples(
        st.sampled_from(["my password is", "Passphrase:", "the pin was", "pwd ="]), joined(NAME, " ", NAME)
    ),
    st.tuples(st.just("your code is"), NAME.map(lambda name: f"{name}X".upper())),
    st.tuples(
        st.just("G-482913 or code:"),
        joined(NAME, "-", NAME).map(lambda code: f"{code}QJ".upper().replace("-", "QJ-")),
    ),
)
CANARIES = st.one_of(st.tuples(BEFORE, SECRET), TOLD)


@pytest.fixture(scope="module")
def learning() -> TypingModel:
    """The shipped bundle over a profile that knows a few words, with patterns of the app's."""
    environment = Environment(rng=np.random.default_rng(0))
    made = TypingModel.load(Store.in_memory(), SHIPPED / "en", TRUSTED_KEYS, environment, redact=PATTERNS)
    for word in ("see", "you", "one", "at", "project", "the"):
        keep(made, "well", word, word)
    return made


def keep(learning: TypingModel, context: str, typed: str, kept: str) -> UndoReceipt:
    """Record as the facade does."""
    return record(
        learning.redactor,
        learning.recorder,
        learning.predictor.scorer.no_adapter(),
        Stretch.of(context, typed, kept, "", None),
    )


def stored(learning: TypingModel) -> list[str]:
    """Return all that the profile holds."""
    return list(learning.recorder._store.database._connection.iterdump())


@dataclass(frozen=True)
class Learnt:
    """What was learnt: exactly (words, marks, events, clocks), and as counts, which taking back rounds."""

    exactly: object
    counts: dict[object, float]

    @classmethod
    def by(cls, learning: TypingModel) -> Learnt:
        """Return it."""
        memory, store = learning.predictor.memory, learning.recorder._store
        counts: dict[object, float] = {("memory", key): memory.count(key) for key in memory.counts}
        counts |= {("store", key): count for key, count, _ in store.memory()}
        clocks = memory.tick, learning.recorder.words, sorted(store.counted(9000))
        marks = sorted(store.marks("pending"))
        return cls((sorted(memory.own_words), marks, store.held_out(), clocks), counts)

    def agrees(self, other: Learnt) -> bool:
        """Return whether nothing else was learnt."""
        return self.exactly == other.exactly and other.counts == pytest.approx(self.counts, abs=1e-9)


@given(canary=CANARIES)
def test_a_secret_that_is_kept_changes_nothing(learning: TypingModel, canary: tuple[str, str]) -> None:
    """Not a row of the profile is another, whatever was typed for it."""
    before, secret = canary
    state = stored(learning)
    for typed in (secret, f"{secret}x", "see"):
        keep(learning, before, typed, secret)
        assert stored(learning) == state


def test_a_secret_that_was_corrected_is_no_event(learning: TypingModel) -> None:
    """What is kept in place of a secret is learnt, but not what it came from; of another slip both are."""

    def events(typed: str) -> tuple[object, ...]:
        counted = len(learning.recorder.counted()[0])
        held = len(learning.recorder._store.held_out())
        receipt = keep(learning, "it is", typed, "fun")
        now = len(learning.recorder.counted()[0])
        more = len(learning.recorder._store.held_out()) - held
        learning.recorder.undo(receipt)
        return now == counted, more

    assert events("fom") == (True, 0)
    assert events("fim") != (True, 0)


@given(canary=CANARIES)
def test_a_secret_is_no_neighbour(learning: TypingModel, canary: tuple[str, str]) -> None:
    """What is typed after it is learnt as after a blank."""
    before, secret = canary
    keys = set(learning.predictor.memory.counts)
    receipt = keep(learning, f"{before} {secret}", "now", "now")
    public = {piece.text for piece in words_of("", before)} | {"now", BLANK, ""}
    assert {word for key in set(learning.predictor.memory.counts) - keys for word in key} <= public
    learning.recorder.undo(receipt)


@given(canary=CANARIES)
def test_a_secret_typed_in_parts_is_taken_back(learning: TypingModel, canary: tuple[str, str]) -> None:
    """Word by word, what was learnt before the last one showed what it is, is unlearnt."""
    before, secret = canary
    state = Learnt.by(learning)
    context = before
    for token in secret.split():
        keep(learning, context, token, token)
        context = f"{context} {token}"
    assert Learnt.by(learning).agrees(state)


@given(canary=CANARIES)
def test_nothing_is_suggested_for_a_secret_or_from_it(learning: TypingModel, canary: tuple[str, str]) -> None:
    """A secret is shown as it was typed; no candidates are made for it, nor for others in its light."""
    before, secret = canary
    seen: list[Context] = []
    predictor, judge = learning.predictor, learning.predictor.judge

    def watched(context: Context, piece: str, *rest: object) -> object:
        seen.append((*context, piece))
        return judge(context, piece, *rest)  # type: ignore[arg-type]

    adapter, preferences = learning.predictor.scorer.no_adapter(), Preferences()
    predictor.judge = watched  # type: ignore[assignment]
    try:
        shown = suggestions(learning.redactor, adapter, preferences, before, secret, None)
        suggestions(learning.redactor, adapter, preferences, f"{before} {secret}", "yuo", None)
    finally:
        del predictor.judge
    assert shown.strip == (secret.split()[-1],)
    assert shown.correction is shown.merged is None
    public = {piece.text for piece in words_of("", before)} | {"yuo", BLANK, ""}
    assert {word for context in seen for word in context} <= public


@pytest.mark.parametrize(
    "text",
    [
        "the code is broken and the token too",
        "see you at home. then we can dot the rest",
        "one two three go",
        "we meet @ home",
        "either and/or both",
        "well...yes it is 12:30 or so",
        "my neighbours are Weinke and McDonalds from Uppsala",
        "sooooooooo loooong hahahahaha",
        "tomorroe definitly goverment langauge",
        "it was 4111 1111 1111 1112 of them",
    ],
)
def test_ordinary_text_is_left_alone(learning: TypingModel, text: str) -> None:
    """Words, names, slips, drawn-out words and numbers that are no cards blank none of their neighbours."""
    assert learning.redactor.redacted("", text).text == text


def test_a_word_that_was_put_there_is_no_secret(learning: TypingModel) -> None:
    """However random it looks."""
    assert learning.redactor.redacted("see", "xqzjvkwpx").text == "000000000"
    learning.recorder.add_word("xqzjvkwpx")
    assert learning.redactor.redacted("see", "xqzjvkwpx").text == "xqzjvkwpx"
    learning.recorder.forget_word("xqzjvkwpx")


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("4111 1111 1111 1111", True),
        ("4111 1111 1111 1112", False),
        ("378282246310005", True),
        ("00000000000", False),
        ("0" * 20, False),
    ],
)
def test_card_numbers_fulfil_the_luhn_formula(digits: str, expected: bool) -> None:
    """And have twelve to nineteen digits."""
    assert is_card_number(digits) is expected


def test_a_word_of_a_pattern_that_was_known_before_stays_known(learning: TypingModel) -> None:
    """Only what was counted in this line is taken back, once."""
    first = keep(learning, "our", "project", "project")
    state = Learnt.by(learning)
    keep(learning, "a new", "project", "project")
    keep(learning, "a new project", "falcon", "falcon")
    assert Learnt.by(learning).agrees(state)
    after = keep(learning, "a new project falcon", "now", "now")
    learning.recorder.undo(after)
    assert Learnt.by(learning).agrees(state)
    learning.recorder.undo(first)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that is logged, by anybody, at any level."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {record.getMessage()}")

    root, handler = logging.getLogger(), Handler()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


SECRETS = (
    ("mail", "zquncle@mail.test"),
    ("it is", "https://zquncle.test/x"),
    ("it is", "zquncle 4111 1111 1111 1111 zqvisa"),
    ("my password is", "zqfish zqtuna"),
    ("it is", "zqproject zqfalcon"),
    ("it is", "vxqzjwkpqhgbxz"),
)


def test_no_secret_is_in_a_file_a_log_an_error_or_on_the_wire(rig: Rig, logged: list[str]) -> None:
    """A profile of several sessions holds and sends an own word of its user, and nothing of the secrets."""
    told = []
    for _ in range(3):
        with rig.open(redact=(re.compile("zqproject zqfalcon"),)) as keyboard:
            for _ in range(3):
                keyboard.record("my", "brokling", "brokling")
                for context, secret in SECRETS:
                    words = secret.split()[1:] if "4111" in secret else secret.split()
                    for place, word in enumerate(words):
                        keyboard.record(" ".join([context, *words[:place]]), word, word)
                    keyboard.record(context, secret.partition(" ")[2] or secret, "said")
            for context, secret in SECRETS:
                with pytest.raises(QuietkeysError) as caught:
                    keyboard.record(context, secret, secret, [("x",)])  # type: ignore[list-item]
                told.append(repr(caught.value) + str(caught.value))
                keyboard.suggest(context, secret)
            keyboard.sync()
            told += [repr(keyboard.status()), repr(keyboard.ledger()), repr(keyboard)]
            open_files = rows_in(rig.folder / "profile")
    sent = repr([(job.report, job) for job in rig.trainer.jobs.values()])
    held = open_files + rows_in(rig.folder / "profile")
    assert b"brokling" in held
    assert any(line.startswith("quietkeys.sync.run ") for line in logged)  # the sync told its steps
    assert not [line for line in logged if line.startswith("quietkeys") and "brokling" in line]
    logging.getLogger("other").info("the search can find %s", "brokling")
    assert "brokling" in " ".join(logged)
    canaries = re.findall(r"zq[a-z]+", " ".join(secret for _, secret in SECRETS))
    for part in (*canaries, "vxqzj", "4111", "brokling"):
        assert part not in " ".join(told)
        assert part not in sent
        if part != "brokling":
            assert part not in " ".join(logged)
            assert part.encode() not in held
