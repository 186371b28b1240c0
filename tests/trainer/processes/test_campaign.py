"""Kills and faults at random, among devices that go on: nothing is lost, nothing is done twice.

`make soak` does 240 of them to a trainer with twenty devices over the fake engine, and as many over the
real one (a plan of a second a job): half on each kind of storage, ten to a round, each from a seed of its
own. What a round found lies in `benchmarks/results/campaign.cells`; a soak that was stopped goes on there.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pytest

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.cipher import ProcessCipher
from quietkeys_bench.service.load import Load, load_parameters, make_load
from quietkeys_protocol.containers import decode_report
from quietkeys_trainer.engine.local import load_engine
from tests.trainer.campaign import Campaign, Work
from tests.trainer.fake_engine import PLAN, result
from tests.trainer.faults import Faults, small_disk
from tests.trainer.filled import Filled
from tests.trainer.running import Trainer, fake_keys, fake_values
from tests.trainer.stores import Services, in_folder

ROUNDS: Final = 12  # on each kind of storage
HARMS: Final = 10  # of a round
THINK_S: Final = 5.0  # of a device between reports, so that the machine is not busy with jobs alone
DEVICES: Final = 20
KEY_SETS: Final = 4
FEW: Final = (4, 9)  # devices and harms where it is not soaked
FILE_KEY: Final = bytes(32)
HURRY: Final = {"QUIETKEYS_TEST_LATER": "1", "QUIETKEYS_TEST_STORE_TIMEOUT": "2"}


@dataclass(frozen=True, slots=True)
class Faked:
    """Reports for the fake engine."""

    plan_hash: str = PLAN.hash
    key_sets: Sequence[bytes] = (fake_keys(b"one"), fake_keys(b"two"))
    numbers: int = 5

    def values(self, which: int, number: int) -> Sequence[bytes]:
        """Values with the number in them."""
        return fake_values(b"%d of %d" % (number, which))

    def is_right(self, which: int, number: int, update: Sequence[bytes]) -> bool:
        """Whether it is what the engine makes of these."""
        return list(update) == result(self.key_sets[which], [self.values(which, number)])


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Reports that were really encrypted, and the keys to look at what became of them."""

    load: Load
    circuits: Path
    ciphers: Sequence[ProcessCipher]
    key_sets: Sequence[bytes]
    plan_hash: str
    numbers: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def trainer(self, folder: Path) -> Trainer:
        """One with the real engine, which finds its circuits compiled."""
        pin, plan = self.load.parameters.specification.hash, self.load.parameters.plan
        return Trainer(folder, module="tests.trainer.real_trainer", plan=plan, pin=pin)

    def values(self, which: int, number: int) -> Sequence[bytes]:
        """The ciphertexts of a made-up person."""
        return decode_report(self.load.sets[which].reports[number].read_bytes()).ciphertexts

    def is_right(self, which: int, number: int, update: Sequence[bytes]) -> bool:
        """Whether what it decrypts to is nearer to this person's weights than to any other's."""
        with self.lock:
            (found,) = self.ciphers[which].decrypt(update)
        far = [np.linalg.norm(found - right[0]) for right in self.load.sets[which].expected]
        return int(np.argmin(far)) == number


@pytest.fixture
def outage() -> Iterator[Services]:
    """Servers of this test's own, which it may kill."""
    own = Services()
    try:
        own.postgres.start()
        own.bucket.start()
        yield own
    finally:
        own.postgres.stop()
        own.bucket.stop()


@contextmanager
def campaign_of(
    trainer: Trainer, services: Services, work: Work, devices: int, *, on_servers: bool
) -> Iterator[Callable[[int, int], dict[str, Any]]]:
    """Yield what harms a trainer that so many devices use, by a seed, and says what came of it."""
    with small_disk(trainer.folder, f"{devices * len(work.key_sets[0]) * 5 // 2 + (64 << 20)}") as disk:
        storage = services.new_storage() if on_servers else in_folder(trainer.folder / "state")
        (trainer.folder / "tmp").mkdir()
        if isinstance(work, Encrypted):
            trainer.has_circuits(work.circuits)
        trainer.environment |= HURRY | storage.variables() | {"TMPDIR": str(trainer.folder / "tmp")}
        filled = Filled(trainer.folder, storage, trainer)
        campaign = Campaign(filled, work, THINK_S if devices == DEVICES else 0.0)
        trainer.start("--workers", "2")

        def harm(seed: int, number: int) -> dict[str, Any]:
            began, chance = time.monotonic(), Random(seed)
            faults = Faults(filled, services, chance, disk)
            campaign.start(devices, seed)
            for one in faults.plan(number):
                campaign.go_on()
                time.sleep(chance.uniform(0, 2))
                faults.do(one)
            tally = campaign.finish()
            return {
                "seed": seed,
                "storage": "PostgreSQL and S3" if on_servers else "SQLite and folder",
                "devices": devices,
                "harms": faults.done,
                "accepted": len(tally.accepted),
                "done": tally.done,
                "superseded": tally.superseded,
                "failed": tally.failed,
                "devices_that_left": tally.left,
                "refused_for_now": dict(sorted(tally.answers.items())),
                "lost": tally.lost,
                "doubled": tally.doubled,
                "wrong": tally.wrong[:20],
                "seconds": round(time.monotonic() - began),
            }

        try:
            yield harm
        finally:
            status = trainer.stop()
            shutil.copy(trainer.folder / "log", trainer.folder.parent)  # its own goes with the small disk
        assert status == 0


def require_whole(found: dict[str, Any]) -> None:
    """Nothing was lost, doubled or answered in a way that nobody foresaw."""
    assert (found["lost"], found["doubled"], found["wrong"]) == (0, 0, []), found
    assert found["done"] + found["superseded"] + found["failed"] == found["accepted"]
    assert found["done"] > 0


@pytest.mark.parametrize("on_servers", [False, True], ids=["folder", "services"])
def test_a_few_faults_in_a_row(outage: Services, tmp_path: Path, on_servers: bool) -> None:
    """Kills, an outage, a wrong clock among four devices: every report ends in its one result."""
    folder = tmp_path / "trainer"
    folder.mkdir()
    devices, harms = FEW
    with campaign_of(Trainer(folder), outage, Faked(), devices, on_servers=on_servers) as harm:
        require_whole(harm(1, harms))


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Encrypted]:
    """Reports under four key sets, and their ciphers."""
    parameters = load_parameters(shipped_bundle(), tmp_path / "circuits")
    load = make_load(parameters, KEY_SETS, tmp_path)
    engine = load_engine(parameters.plan, tmp_path / "compiled")
    with ExitStack() as stack:
        ciphers = [
            stack.enter_context(ProcessCipher(tmp_path / f"secret{which}", parameters, file_key=FILE_KEY))
            for which in range(KEY_SETS)
        ]
        keys = [one.keys.read_bytes() for one in load.sets]
        yield Encrypted(load, engine.folder, ciphers, keys, parameters.plan.hash, len(load.sets[0].reports))


@pytest.mark.soak
@pytest.mark.parametrize("on_servers", [False, True], ids=["folder", "services"])
@pytest.mark.parametrize("kind", ["faked", pytest.param("encrypted", marks=pytest.mark.fhe)])
def test_a_campaign_of_faults(
    request: pytest.FixtureRequest,
    outage: Services,
    tmp_path: Path,
    results_folder: Path,
    kind: str,
    on_servers: bool,
) -> None:
    """120 kills and faults of each kind, twenty devices: 0 lost, 0 doubled, 0 untyped answers."""
    cells = results_folder / "campaign.cells"
    cells.mkdir(exist_ok=True)
    named = {
        seed: cells / f"{kind}-{seed:02d}.json"
        for seed in range(ROUNDS * on_servers, ROUNDS * (1 + on_servers))
    }
    left = {seed: cell for seed, cell in named.items() if not cell.exists()}
    if left:
        work: Faked | Encrypted = Faked() if kind == "faked" else request.getfixturevalue("encrypted")
        (folder := tmp_path / "trainer").mkdir()
        trainer = Trainer(folder) if isinstance(work, Faked) else work.trainer(folder)
        with campaign_of(trainer, outage, work, DEVICES, on_servers=on_servers) as harm:
            for seed, cell in left.items():
                found = {"engine": kind, **harm(seed, HARMS)}
                print(json.dumps(found), flush=True)
                require_whole(found)
                cell.write_text(json.dumps(found, indent=1) + "\n")
    every = [json.loads(cell.read_text()) for cell in named.values()]
    assert sum(sum(one["harms"].values()) for one in every) == ROUNDS * HARMS
    for one in every:
        require_whole(one)
