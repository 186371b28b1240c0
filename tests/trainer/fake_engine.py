"""An engine without encryption, for tests of everything around it: same frames, same failures, any speed.

A report's payload may ask for a failure: `<fail>` raises, `<die>` kills the worker; `<sleep>` takes 0.8 s. A
file `hold` in the control folder keeps the engine from finishing; every run leaves a line in `runs`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.cut_keys import WORD, KeyForm
from quietkeys_protocol.framing import Frame, Literal
from quietkeys_protocol.plan import Block, Plan, TrainingPlan
from quietkeys_protocol.templates import Frames
from quietkeys_trainer.engine.interface import EngineFailed, Told, nobody, values_of_block

CONTROL: Final = "QUIETKEYS_TEST_CONTROL"  # the environment variable that names the control folder
KEY_BYTES: Final = "QUIETKEYS_TEST_KEY_BYTES"  # and the one that sets the size of evaluation keys

PLAN: Final = Plan(
    bundle="test",
    blocks=(
        Block(
            name="tiny",
            events=("a", "b", "c"),
            matrix=((1, 0), (0, 1), (1, -1)),
            z_bits=8,
            z_top_bits=3,
            plane_tables=((0,) * 8 + (1,) * 8,),
            step_tables=(tuple(range(-8, 8)),),
            steps=2,
            strength_max=15,
            gradient_limit=60,
            weight_limit=60,
            z_unit=0.1,
        ),
    ),
    sources=2,
)


TRAILER: Final = b"/end"


def frame(header: str, size: int) -> Frame:
    """A header, any payload, a trailer."""
    return Frame(size, (Literal(0, header.encode()), Literal(size - len(TRAILER), TRAILER)))


def wrap(frame: Frame, payload: bytes) -> bytes:
    """A value of this frame that begins with `payload`."""
    header, trailer = frame.literals
    return header.content + payload.ljust(frame.payload_bytes, b".")[: frame.payload_bytes] + trailer.content


@dataclass(frozen=True, slots=True)
class FakeEngine:
    """Returns, as its update, a digest of what it was given and in which order."""

    plan: Plan = PLAN
    client_specification: bytes = b"specification"
    key_bytes: int = 3_000_000
    control: Path | None = None

    @property
    def client_specification_sha256(self) -> str:
        """Its hash."""
        return hashlib.sha256(self.client_specification).hexdigest()

    @property
    def memory_bytes(self) -> int:
        """Next to nothing."""
        return 1 << 20

    @property
    def frames(self) -> Frames:
        """One frame for keys, and one for each array of a report and of an update."""
        report = (frame(f"{field.block}.{field.quantity}:", 1000) for field in self.plan.report_fields)
        update = tuple(frame(f"{field.block}:", 100) for field in self.plan.update_fields)
        return Frames(KeyForm(frame("keys:", self.key_bytes), kept=WORD), tuple(report), update, update)

    @property
    def blocks(self) -> int:
        """Those of the plan."""
        return len(self.plan.blocks)

    def values_of_block(self, position: int, report: Sequence[bytes]) -> Sequence[bytes]:
        """Strengths and gradient of a block."""
        return values_of_block(position, report)

    def keyed(self, evaluation_keys: bytes, sources: int) -> FakeKeyed:
        """These keys with this engine."""
        return FakeKeyed(self, evaluation_keys)

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """What `result` says, unless a payload or the control folder wants otherwise."""
        self._obey(reports)
        for done in range(1, len(self.plan.blocks) + 1):
            told(done)
        return result(evaluation_keys, reports, self.plan)

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """The same for one block."""
        self._obey(values)
        return [block_result(self.frames.update[position], evaluation_keys, values)]

    def _obey(self, reports: Sequence[Sequence[bytes]]) -> None:
        payloads = b"".join(b"".join(values) for values in reports)
        if self.control is not None:
            with (self.control / "runs").open("a") as runs:
                runs.write(json.dumps({"pid": os.getpid(), "reports": len(reports)}) + "\n")
            while (self.control / "hold").exists():
                time.sleep(0.02)
        if b"<sleep>" in payloads:
            time.sleep(0.8)
        if b"<die>" in payloads:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"<fail>" in payloads:
            raise EngineFailed


@dataclass
class FakeKeyed:
    """What the fake engine does under keys, in the process of the worker; nothing is kept."""

    engine: FakeEngine
    evaluation_keys: bytes
    lasts: bool = False
    memory_bytes: int = 1 << 20

    def run(self, reports: Sequence[Sequence[bytes]], told: Told, threads: int) -> list[bytes]:
        """See `FakeEngine.run`."""
        return self.engine.run(self.evaluation_keys, reports, told)

    def rest(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing to end."""


def result(evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], plan: Plan = PLAN) -> list[bytes]:
    """The update of the fake engine: for every block, which keys and which values of it, in order."""
    return [
        block_result(frame, evaluation_keys, [values_of_block(position, values) for values in reports])
        for position, frame in enumerate(FakeEngine(plan).frames.update)
    ]


def block_result(frame: Frame, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]) -> bytes:
    """The weights of one block."""
    digest = hashlib.sha256(hashlib.sha256(evaluation_keys).digest())
    for one in values:
        digest.update(hashlib.sha256(b"".join(one)).digest())
    return wrap(frame, digest.digest())


def load_fake(plan: TrainingPlan, _folder: Path, _hidden: Sequence[Path]) -> FakeEngine:
    """An engine loader, controlled through the folder that the environment names."""
    assert isinstance(plan, Plan)
    control, key_bytes = os.environ.get(CONTROL), os.environ.get(KEY_BYTES, "3000000")
    return FakeEngine(plan, key_bytes=int(key_bytes), control=Path(control) if control else None)
