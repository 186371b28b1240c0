"""`python -m tests.sdk.fuzzed TEMPLATE BUNDLE FOLDER`: a warm device that forks for every input it is given.

Reads one JSON object a line, `{"kind", "name", "content": base64}`, and answers each with a JSON string: ""
if all went as it has to, else what went wrong. A fork that dies, hangs or raises anything that is no error of
ours is what went wrong.

kind `file`: a file of the profile TEMPLATE with another content. `update`: what the trainer answers with.
`plan`, `specification`: what a plan and a client specification are parsed from. `die`: no input, but an end.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys import Outcome, Outdated, Personalizer, QuietkeysError, Trainer
from quietkeys.bundle.bundle import open_bundle
from quietkeys.cipher import Parameters
from quietkeys.environment import Environment
from quietkeys.remote.http import Answer, Request, Transport
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys.testing.fakes import decode_clear, encode_clear, noop_plan_hash
from quietkeys.testing.trainer import train
from quietkeys.updates.gate import TOLERANCE, distance, is_bearable
from quietkeys.updates.steps import stepped
from quietkeys_protocol.containers import Update, encode_update
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.plan import Plan
from tests.sdk import small

SECONDS: Final = 60  # for one input
TRAINER: Final = "https://trainer.test"
STATEMENT: Final = "Encrypted counts may be sent."


def trainer_for(plan: Plan) -> InMemoryTrainer:
    """A trainer that knows nothing, with the key that the template trusts."""
    return InMemoryTrainer(plan, _signing_key=small.KEY)


def an_update(plan: Plan) -> bytes:
    """An update of zeros, as a trainer sends them, for no key and no job."""
    values = tuple(encode_clear(np.zeros(field.size, np.int64)) for field in plan.update_fields)
    return encode_update(Update(bytes.fromhex(noop_plan_hash(plan)), bytes(32), bytes(16), values))


class Answering:
    """A trainer whose updates differ from what they should be as `content` does from `an_update`."""

    def __init__(self, trainer: Transport, plan: Plan, content: bytes) -> None:
        self._trainer, self._blank, self._content = trainer, an_update(plan), content

    def send(self, request: Request) -> Answer:
        """Deliver."""
        answer = self._trainer.send(request)
        if not request.path.endswith("/update"):
            return answer
        size = min(len(self._blank), len(self._content))
        parts = zip(answer.content[:size], self._blank[:size], self._content[:size], strict=True)
        changed = bytes(right ^ blank ^ wrong for right, blank, wrong in parts)
        return Answer(answer.status, answer.headers, changed + self._content[size:])


class Device:
    """Opens copies of one profile."""

    def __init__(self, template: Path, bundle: Path) -> None:
        self.template, self.bundle = template, bundle
        self.files = open_bundle(bundle, trusted_keys=small.TRUSTED)
        self.plan = Plan.parse(self.files["plan.json"])

    def open(self, folder: Path, transport: Transport) -> Personalizer:
        """Open a profile."""
        return open_profile(
            folder,
            trainer=Trainer(TRAINER),
            bundle=self.bundle,
            trusted_keys=small.TRUSTED,
            cipher=NoopCipher,
            transport=transport,
            environment=Environment(sleep=lambda _: None, rng=np.random.default_rng(0)),
        )

    def try_file(self, folder: Path, name: str, content: bytes) -> None:
        """One file of the profile is something else: it opens all the same, and has lost nothing."""
        (folder / name).write_bytes(content)
        trainer = trainer_for(self.plan)
        try:
            keyboard = self.open(folder, trainer)
        except Outdated as error:
            assert error.code is ErrorCode.PROFILE_NEWER
            return
        with keyboard:
            words = keyboard.status().words_recorded
            assert words == WORDS, words
            assert keyboard.suggest("such a", "sentemce").correction == "sentence"
            keyboard.record("see", "yuo", "you")
            keyboard.ledger()
            try:
                keyboard.consent.give(STATEMENT)
                keyboard.sync()
                keyboard.inspect()
            except QuietkeysError:
                pass
            keyboard.vocabulary.words()
        with self.open(folder, trainer) as keyboard:
            assert keyboard.status().words_recorded == WORDS + 1

    def try_update(self, folder: Path, content: bytes) -> None:
        """An update is what training gives, or refused; whatever it is, the next sync goes on."""
        trainer = trainer_for(self.plan)
        with self.open(folder, trainer) as keyboard:
            keyboard.consent.give(STATEMENT)
            for _ in range(3):  # this trainer knows nothing of the report under way
                keyboard.sync()
            assert keyboard.status().open_report == ""
        with self.open(folder, Answering(trainer, self.plan, content)) as keyboard:
            before = keyboard._opened.model.adapters.in_use()
            try:
                outcome = keyboard.sync().outcome
            except QuietkeysError:
                outcome = Outcome.UNTRUSTED
            after = keyboard._opened.model.adapters.in_use()
            if outcome is Outcome.APPLIED:
                job = list(trainer.jobs.values())[-1]
                values = zip(job.report.ciphertexts, self.plan.report_fields, strict=True)
                sent = [decode_clear(value, field) for value, field in values]
                trained = zip(self.plan.blocks, train(self.plan, sent), strict=True)
                model = keyboard._opened.model
                bearable = partial(is_bearable, model.events, self.plan, model.public().judging)
                led = stepped(self.plan, before, {block.name: step for block, step in trained}, 1, bearable)
                for block in self.plan.blocks:
                    moved, due = (
                        one[block.name] - before.by_block[block.name] for one in (after.by_block, led)
                    )
                    assert distance(block, moved, due) <= TOLERANCE
            else:
                assert after.version == before.version
            assert keyboard.suggest("such a", "sentemce").correction == "sentence"
        with self.open(folder, trainer) as keyboard:
            assert keyboard.sync().outcome in (Outcome.APPLIED, Outcome.KEPT_OLD)

    def try_plan(self, content: bytes) -> None:
        """What is parsed is a plan in its canonical form."""
        try:
            plan = Plan.parse(content)
        except QuietkeysError:
            return
        assert plan.canonical == content

    def try_specification(self, content: bytes) -> None:
        """What is parsed is safe to encrypt under, or refused."""
        try:
            Parameters.of(SMALL_PLAN, content)
        except QuietkeysError:
            return


VECTORS: Final = Path(__file__).parents[1] / "vectors"
SMALL_PLAN: Final = Plan.parse((VECTORS / "small_plan.json").read_bytes())
WORDS: Final = 1136  # of the profile


def forked(device: Device, job: dict[str, str], folder: Path) -> str:
    """What went wrong with one input, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        wrong = ""
        try:
            run(device, job, folder)
        except BaseException:  # noqa: BLE001 - all of it is what is looked for
            wrong = traceback.format_exc()
        os.write(writing, wrong.encode()[-4000:])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        wrong = stream.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return wrong if status == 0 else f"{wrong} ended with status {status}"


def run(device: Device, job: dict[str, str], folder: Path) -> None:
    """Try one input."""
    content = base64.b64decode(job["content"])
    if job["kind"] == "plan":
        return device.try_plan(content)
    if job["kind"] == "specification":
        return device.try_specification(content)
    if job["kind"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        profile = Path(place) / "profile"
        shutil.copytree(device.template, profile)
        if job["kind"] == "update":
            return device.try_update(profile, content)
        return device.try_file(profile, job["name"], content)


def main(template: str, bundle: str, folder: str) -> None:
    """Serve until the input ends."""
    device = Device(Path(template), Path(bundle))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(forked(device, json.loads(line), Path(folder))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
