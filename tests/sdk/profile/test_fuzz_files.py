"""Damaged files, updates, plans and specifications, bit by bit and made up: a typed end, and nothing lost."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietkeys import KeyFile, Personalizer, Protection, Trainer
from quietkeys.environment import Environment
from quietkeys.profile.folder import LAST_GOOD
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_protocol.plan import Plan
from tests.sdk import small
from tests.sdk.fuzzed import STATEMENT, TRAINER, VECTORS, WORDS, an_update, trainer_for

# What may happen to a file: bytes written over, put in, left out; positions in thousandths of its size.
places = st.integers(0, 999)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("over"), places, st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("in"), places, st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("out"), places, st.integers(1, 5000)),
        st.tuples(st.just("cut"), places, st.none()),
        st.tuples(st.just("whole"), places, st.binary(max_size=300)),
    ),
    min_size=1,
    max_size=3,
)
Changes = Sequence[tuple[str, int, bytes | int | None]]


def changed(content: bytes, how: Changes) -> bytes:
    """The content after these changes."""
    for verb, thousandths, argument in how:
        at = len(content) * thousandths // 1000
        if isinstance(argument, bytes):
            rest = {"over": at + len(argument), "in": at, "whole": len(content)}[verb]
            content = (b"" if verb == "whole" else content[:at]) + argument + content[rest:]
        else:
            content = content[:at] + (b"" if argument is None else content[at + argument :])
    return content


def flipped(content: bytes, rng: random.Random) -> bytes:
    """The content with one to three bits the other way."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


class Warm:
    """The device in a process of its own."""

    def __init__(self, template: Path, bundle: Path, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.sdk.fuzzed", str(template), str(bundle), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer: str = json.loads(self._process.stdout.readline())
        return answer

    def wrong(self, kind: str, content: bytes, name: str = "") -> str:
        """What went wrong with one input."""
        job = {"kind": kind, "name": name, "content": base64.b64encode(content).decode()}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def template(learned: Path, bundle: Path, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile with a key file, keys, an adapter, a report under way, and a last good version of it."""
    folder = tmp_path_factory.mktemp("fuzzed") / "template"
    shutil.copytree(learned, folder)
    trainer = trainer_for(plan)
    with opened(folder, bundle, trainer, small.PROTECTION) as keyboard:
        keyboard.protect(KeyFile())
        keyboard.consent.give(STATEMENT)
        keyboard.sync()
        trainer.polls = 1000
        keyboard.sync(wait_seconds=0)
        assert keyboard.status().words_recorded == WORDS
    opened(folder, bundle, trainer, None).close()
    return folder


def opened(
    folder: Path, bundle: Path, trainer: InMemoryTrainer, protection: Protection | None
) -> Personalizer:
    """Open a profile."""
    return open_profile(
        folder,
        trainer=Trainer(TRAINER),
        bundle=bundle,
        trusted_keys=small.TRUSTED,
        protection=protection,
        cipher=NoopCipher,
        transport=trainer,
        environment=Environment(sleep=lambda _: None, rng=np.random.default_rng(0)),
    )


@pytest.fixture(scope="module")
def warm(template: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """A warm device for all tests of this module."""
    device = Warm(template, bundle, tmp_path_factory.mktemp("forks"))
    yield device
    device.close()


@pytest.fixture(scope="module")
def inputs(template: Path, bundle: Path, plan: Plan) -> list[tuple[str, str, bytes]]:
    """(kind, name, content) of everything that is damaged: the files of a profile, an update, plans."""
    found = [
        ("file", str(path.relative_to(template)), path.read_bytes())
        for path in sorted(template.rglob("*"))
        if path.is_file() and path.name != "lock"
    ]
    names = [name for _, name, _ in found]
    for part in ("profile.sqlite", LAST_GOOD, "vault.header", "vault.header.copy"):
        assert part in names
    for part in ("identities/", "keys/", "outbox/", "vault-"):
        assert any(name.startswith(part) for name in names)
    found += [
        ("update", "", an_update(plan)),
        ("plan", "", (VECTORS / "small_plan.json").read_bytes()),
        ("plan", "", (bundle / "plan.json").read_bytes()),
        ("specification", "", (VECTORS / "small_specification.json").read_bytes()),
    ]
    return found


def test_nothing_goes_wrong_without_damage(warm: Warm, inputs: list[tuple[str, str, bytes]]) -> None:
    """The device that is asked finds nothing wrong with what is right."""
    for kind, name, content in inputs:
        assert warm.wrong(kind, content, name) == ""


def test_what_goes_wrong_is_noticed(warm: Warm, inputs: list[tuple[str, str, bytes]]) -> None:
    """A crash, an input that is not there: the device that is asked says so, and goes on."""
    assert "FileNotFoundError" in warm.wrong("file", b"", "nothing/x")
    assert "status" in warm.wrong("die", b"")


def test_flipped_bits(
    warm: Warm, inputs: list[tuple[str, str, bytes]], sized: Callable[[int, int], int]
) -> None:
    """Of every file of a profile, of updates, plans and specifications."""
    rng = random.Random(4)
    for round_ in range(sized(1, 80)):
        for kind, name, content in inputs:
            damaged = flipped(content, rng)
            wrong = warm.wrong(kind, damaged, name)
            assert wrong == "", (round_, kind, name, wrong)


def test_whatever_else(
    warm: Warm, inputs: list[tuple[str, str, bytes]], sized: Callable[[int, int], int]
) -> None:
    """Cut, overwritten, replaced by something else."""

    @settings(
        max_examples=sized(30, 10_000),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(which=st.integers(0, len(inputs) - 1), how=changes)
    def check(which: int, how: Changes) -> None:
        kind, name, content = inputs[which]
        wrong = warm.wrong(kind, changed(content, how), name)
        assert wrong == "", (kind, name, wrong)

    check()
