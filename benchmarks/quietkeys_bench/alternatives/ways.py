"""The ways that are compared, and what each party sees of a person. The order is that of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EPSILONS: Final = (1.0, 4.0, 16.0)
DELTA: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Way:
    """One way to learn. sees: what the party that sees most of a person is shown, if it keeps to the rules.

    own_model: whether a person gets an adapter of their own, and not everybody the same. own_base: whether
    what it gains is told against memory that is split over devices. epsilon: 0 where nothing is noised.
    """

    name: str
    title: str
    party: str
    sees: str
    own_model: bool = True
    own_base: bool = False
    epsilon: float = 0.0


def _private(kind: str, title: str, party: str, sees: str, epsilon: float) -> Way:
    return Way(f"{kind}-{epsilon:g}", f"{title}, ε = {epsilon:g}", party, sees, False, False, epsilon)


NOBODY: Final = "nobody"
SERVER: Final = "server"
LOCAL: Final = Way("local", "local memory alone", NOBODY, "nothing")
DEVICE: Final = Way("device", "update on the device", NOBODY, "nothing")
UPLOAD: Final = Way("upload", "redacted text, own model", SERVER, "redacted text, who typed it, every habit")
UPLOAD_POOLED: Final = Way(
    "upload-pooled", "redacted text, one model", SERVER, "redacted text, who typed it, every habit", False
)
FEDERATED: Final = Way(
    "federated", "federated averaging", SERVER, "everybody's update, number of examples", False
)
SECAGG: Final = Way("secagg", "averaging, SecAgg+", SERVER, "the sum of all updates, who took part", False)
LOCAL_DP: Final = tuple(
    _private("local-dp", "local DP", SERVER, "everybody's update with noise", epsilon) for epsilon in EPSILONS
)
CENTRAL_DP: Final = tuple(
    _private("central-dp", "central DP", SERVER, "everybody's update; others: their mean, noised", epsilon)
    for epsilon in EPSILONS
)
WORD_DP: Final = Way(
    "word-dp-1", "DP for one word, ε = 1", SERVER, "a person's counts with the noise of one word", epsilon=1.0
)
CONCRETE_ML: Final = Way("concrete-ml", "Concrete ML, SGD", SERVER, "ciphertexts, how many batches")
OURS: Final = Way("ours", "quietkeys, one device", SERVER, "ciphertexts of one size, when, whose account")
SPLIT: Final = Way("two-local", "memory split over two", NOBODY, "nothing", own_base=True)
CIRCLE: Final = Way(
    "circle",
    "quietkeys, circle of two",
    SERVER,
    "ciphertexts of one size, when, which accounts",
    own_base=True,
)

WAYS: Final = (
    LOCAL,
    DEVICE,
    UPLOAD,
    UPLOAD_POOLED,
    FEDERATED,
    SECAGG,
    *LOCAL_DP,
    *CENTRAL_DP,
    WORD_DP,
    CONCRETE_ML,
    OURS,
    SPLIT,
    CIRCLE,
)
BY_NAME: Final = {way.name: way for way in WAYS}
