"""An engine without encryption, for tests of everything around it: same frames, same failures, any speed.

A report's payload may ask for a failure: `<fail>` raises, `<die>` kills the worker. A file `hold` in the
control folder keeps the engine from finishing; every run leaves a line in `runs`.
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

from quietkeys_protocol.plan import Block, Plan
from quietkeys_trainer.circuit import EngineFailed

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


@dataclass(frozen=True, slots=True)
class FakeFrame:
    """A header, any payload, a trailer."""

    header: bytes
    size: int
    trailer: bytes = b"/end"

    def matches(self, value: bytes | memoryview) -> bool:
        """Whether size, header and trailer are these."""
        return (
            len(value) == self.size
            and bytes(value[: len(self.header)]) == self.header
            and bytes(value[-len(self.trailer) :]) == self.trailer
        )

    def wrap(self, payload: bytes) -> bytes:
        """A value of this frame that begins with `payload`."""
        room = self.size - len(self.header) - len(self.trailer)
        return self.header + payload.ljust(room, b".")[:room] + self.trailer


@dataclass(frozen=True, slots=True)
class FakeEngine:
    """Returns, as its update, a digest of what it was given and in which order."""

    plan: Plan = PLAN
    client_specification_sha256: str = hashlib.sha256(b"specification").hexdigest()
    key_bytes: int = 3_000_000
    control: Path | None = None

    @property
    def key_frame(self) -> FakeFrame:
        """The frame of evaluation keys."""
        return FakeFrame(b"keys:", self.key_bytes)

    @property
    def report_frames(self) -> list[FakeFrame]:
        """One frame for each array of a report."""
        return [
            FakeFrame(f"{field.block}.{field.quantity}:".encode(), 1000) for field in self.plan.report_fields
        ]

    def run(self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]]) -> list[bytes]:
        """What `result` says, unless a payload or the control folder wants otherwise."""
        payloads = b"".join(b"".join(values) for values in reports)
        if self.control is not None:
            with (self.control / "runs").open("a") as runs:
                runs.write(json.dumps({"pid": os.getpid(), "reports": len(reports)}) + "\n")
            while (self.control / "hold").exists():
                time.sleep(0.02)
        if b"<die>" in payloads:
            os.kill(os.getpid(), signal.SIGKILL)
        if b"<fail>" in payloads:
            raise EngineFailed
        return result(evaluation_keys, reports)


def result(evaluation_keys: bytes, reports: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The update of the fake engine: which keys and which reports, in order."""
    digest = hashlib.sha256(hashlib.sha256(evaluation_keys).digest())
    for values in reports:
        digest.update(hashlib.sha256(b"".join(values)).digest())
    return [b"update:" + digest.digest()]


def load_fake(plan: Plan, _folder: Path) -> FakeEngine:
    """An engine loader, controlled through the folder that the environment names."""
    control, key_bytes = os.environ.get(CONTROL), os.environ.get(KEY_BYTES, "3000000")
    return FakeEngine(plan, key_bytes=int(key_bytes), control=Path(control) if control else None)
