"""Which function makes which ways, from everybody's device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.bundle.bundle import Bundle
from quietkeys.cipher import Parameters
from quietkeys_bench.alternatives import dense, exchange
from quietkeys_bench.alternatives.device import Device
from quietkeys_bench.alternatives.exchange import Made
from quietkeys_bench.alternatives.libraries import Libraries
from quietkeys_bench.alternatives.training import Training
from quietkeys_bench.alternatives.ways import (
    CENTRAL_DP,
    CONCRETE_ML,
    DEVICE,
    FEDERATED,
    LOCAL,
    LOCAL_DP,
    OURS,
    SECAGG,
    UPLOAD,
    UPLOAD_POOLED,
    WORD_DP,
    Way,
)
from quietkeys_protocol.plan import Plan


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """What ways are made of. private: a folder for keys. executed, dense: of how many people, the first."""

    devices: Sequence[Device]
    bundle: Bundle
    libraries: Libraries
    private: Path
    training: Training
    executed: int
    dense: int
    seed: int

    @property
    def parameters(self) -> Parameters:
        """What reports are encrypted for."""
        return Parameters.of(Plan.parse(self.bundle["plan.json"]), self.bundle["client_specification.json"])


def _alone(given: Given) -> list[list[Made]]:
    return [[Made(None, exchange.Costs()) for _ in given.devices], exchange.nothing_shared(given.devices)]


def _uploaded(given: Given) -> list[list[Made]]:
    return list(exchange.uploaded(given.devices, given.libraries))


def _averaged(given: Given) -> list[list[Made]]:
    return [exchange.averaged(given.devices, given.libraries, secure=False)]


def _summed(given: Given) -> list[list[Made]]:
    return [exchange.averaged(given.devices, given.libraries, secure=True)]


def _noised(given: Given) -> list[list[Made]]:
    return list(exchange.noised(given.devices, given.libraries))


def _word_noised(given: Given) -> list[list[Made]]:
    return [exchange.noised_counts(given.devices, given.libraries)]


def _encrypted(given: Given) -> list[list[Made]]:
    made = exchange.encrypted(
        given.devices, given.parameters, given.private / "attacked", given.training, given.executed
    )
    return [made]


def _dense(given: Given) -> list[list[Made]]:
    return [[dense.trained(device, given.seed) for device in given.devices[: given.dense]]]


Make = Callable[[Given], Sequence[Sequence[Made]]]

MAKERS: Final[Sequence[tuple[Sequence[Way], Make]]] = (
    ((LOCAL, DEVICE), _alone),
    ((UPLOAD, UPLOAD_POOLED), _uploaded),
    ((FEDERATED,), _averaged),
    ((SECAGG,), _summed),
    ((*LOCAL_DP, *CENTRAL_DP), _noised),
    ((WORD_DP,), _word_noised),
    ((OURS,), _encrypted),
    ((CONCRETE_ML,), _dense),
)
