"""What a device keeps about its circle: whom it trusts in it, and the secrets that it shares with them.

Kept among the settings, as everything that is secret in a profile. Cannot be printed or pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn, Self

from nacl.public import PrivateKey

from quietkeys.profile.settings import JOINING, LEAVING, MEMBERSHIP
from quietkeys.profile.store import Store
from quietkeys.sync.context import Place
from quietkeys.vault.sealing import KEY_BYTES, new_key
from quietkeys_protocol.errors import ErrorCode, error_of
from quietkeys_protocol.signing import is_hash, is_id

LONGEST_NAME: Final = 64  # characters
MAX_EPOCH: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """A device of the circle. public: its X25519 key in hex, which letters to and from it are sealed with.

    name: what its user calls it, "" if it has no name.
    """

    public: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _is_name(self.name) or not is_hash(self.public):
            raise ValueError("a device of the circle")
        self.name.encode()  # a ValueError where it is half of a surrogate pair, which no ledger can hold


@dataclass(frozen=True, slots=True, repr=False)
class Membership:
    """This device's part in a circle.

    device_id: this device. key: what cards are sealed under, in hex. private: of this device's own key pair,
    in hex. members: by device id, this device included. epoch: how often the keys were replaced. key_id: of
    the key set of this epoch. told: who has it. removed: who is to go. renew: whether the next keys come with
    a new card key, since somebody left who knows this one. waiting_since: when this device noticed that
    another one is to make new keys, 0 if it is not waiting. has_card: whether the trainer has the present
    card. rank, count: this device's place among those that report.
    """

    device_id: str
    key: str
    private: str
    members: Mapping[str, Known]
    epoch: int = 0
    key_id: str = ""
    told: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renew: bool = False
    waiting_since: float = 0.0
    has_card: bool = False
    rank: int = 0
    count: int = 1

    @classmethod
    def alone(cls, device_id: str, name: str, key_id: str) -> Self:
        """Return the circle of a single device."""
        private = PrivateKey.generate()
        known = Known(bytes(private.public_key).hex(), name)
        return cls(
            device_id,
            new_key().hex(),
            bytes(private).hex(),
            {device_id: known},
            key_id=key_id,
            told=(device_id,),
        )

    @property
    def card_key(self) -> bytes:
        """What cards are sealed under."""
        return bytes.fromhex(self.key)

    @property
    def own(self) -> Known:
        """This device, as the others see it."""
        return self.members[self.device_id]

    @property
    def private_key(self) -> PrivateKey:
        """What letters to this device are opened with."""
        return PrivateKey(bytes.fromhex(self.private))

    @property
    def place(self) -> Place:
        """Which of the reporting devices this is."""
        return Place(self.rank, self.count)

    def __repr__(self) -> str:
        return "Membership(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the secrets of a circle cannot be pickled or copied")


def membership_in(store: Store) -> Membership | None:
    """Return this device's part in a circle, None if it is in none. Raises Untrusted (PROFILE_DAMAGED)."""
    stored = store.setting(MEMBERSHIP)
    if stored is None:
        return None
    try:
        return _checked(dict(stored))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "the circle") from error


def keep_membership(store: Store, membership: Membership) -> None:
    """Store this device's part in a circle."""
    store.set_setting(MEMBERSHIP, asdict(membership))


def drop_circle(store: Store) -> None:
    """Forget the circle, with every secret of it."""
    for setting in (MEMBERSHIP, JOINING, LEAVING):
        store.drop_setting(setting)


def place_in(store: Store) -> Place:
    """Return this device's place among those that report."""
    membership = membership_in(store)
    return Place() if membership is None else membership.place


def _checked(tree: dict[str, Any]) -> Membership:
    members = {name: Known(**known) for name, known in tree.pop("members").items()}
    told, removed = tuple(tree.pop("told")), tuple(tree.pop("removed"))
    found = Membership(members=members, told=told, removed=removed, **tree)
    secrets = (found.card_key, bytes.fromhex(found.private))
    if (
        any(len(secret) != KEY_BYTES for secret in secrets)
        or not all(map(is_id, (*members, *told, *removed)))
        or found.device_id not in members
        or not 0 <= found.epoch <= MAX_EPOCH
        or not 0 <= found.rank < found.count
    ):
        raise ValueError("the circle")
    return found


def _is_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= LONGEST_NAME
