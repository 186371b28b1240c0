"""What may come from one address: enrolments, and requests that no device of ours has signed.

A device that is known has a row, and its allowances are counted there. Who is not has none, and whoever is
refused must not be given one: what an address used up is kept in this process, for a bounded number of
addresses, and forgotten with it. Of an IPv6 address the first 64 bits count: whoever has one of these has
them all.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from quietkeys_trainer.ledger.accounts import MINUTE_S, Throttled

MOST_ADDRESSES: Final = 65_536  # 10 MB; the one that has not asked for longest is forgotten first
AT_ONCE_S: Final = 5.0  # of what strangers may do: many addresses that begin together cost that much
_PREFIX: Final = 64


@dataclass(slots=True)
class Addresses:
    """Lets each address do something so many times in a minute; 0 is no limit.

    at_once_s: it may do as much at once as in this time.
    """

    per_minute: int = 0
    clock: Callable[[], float] = time.monotonic
    at_once_s: float = MINUTE_S
    _full_until: OrderedDict[str, float] = field(default_factory=OrderedDict)  # by address: when it drained
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, address: str, what: str) -> None:
        """Charge an address for once more; raise `Throttled`, and charge nothing, where it had enough."""
        with self._lock:
            wait_s = self._wait_s(address)
            if wait_s > 0:
                raise Throttled(math.ceil(wait_s), f"{what} from this address")
            self._charge(address)

    def charge(self, address: str) -> None:
        """Charge an address for what it has done already."""
        with self._lock:
            self._charge(address)

    def wait_s(self, address: str) -> float:
        """Return for how many seconds an address has had enough; 0 or less where it has not."""
        with self._lock:
            return self._wait_s(address)

    def _wait_s(self, address: str) -> float:
        if not self.per_minute:
            return 0.0
        now = self.clock()
        until = max(now, self._full_until.get(network_of(address), now)) + MINUTE_S / self.per_minute
        return until - now - max(self.at_once_s, MINUTE_S / self.per_minute)

    def _charge(self, address: str) -> None:
        if not self.per_minute:
            return
        whose, now = network_of(address), self.clock()
        self._full_until[whose] = max(now, self._full_until.get(whose, now)) + MINUTE_S / self.per_minute
        self._full_until.move_to_end(whose)
        while len(self._full_until) > MOST_ADDRESSES:
            self._full_until.popitem(last=False)


@dataclass(slots=True)
class Strangers:
    """Counts requests that no device of ours has signed by their address, and says which are too many.

    A device that shares its address with somebody who sends no end of them is let through: it was here
    before, from there. Who claims to be one and is not, or is one that asks too much, is so no longer.
    """

    allowed: Addresses = field(default_factory=Addresses)
    alive: Addresses = field(default_factory=Addresses)  # apart: who asks that must not wait for the others
    connections: Addresses = field(default_factory=Addresses)
    _known: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)  # address and device

    @classmethod
    def of(cls, per_minute: int, connections_per_minute: int = 0) -> Strangers:
        """Return one that allows so many a minute; 0 is no limit."""
        return cls(
            Addresses(per_minute, at_once_s=AT_ONCE_S),
            Addresses(per_minute, at_once_s=AT_ONCE_S),
            Addresses(connections_per_minute, at_once_s=AT_ONCE_S),
        )

    def connects(self, address: str) -> bool:
        """Charge an address for a connection; return whether it may have it."""
        try:
            self.connections.admit(address, "connections")
        except Throttled:
            return False
        return True

    def wait_s(self, address: str, device_id: str, *, alive: bool) -> float:
        """Return how long a request has to wait by what it claims; 0 or less where it is looked at."""
        if (network_of(address), device_id) in self._known:
            return 0.0
        return (self.alive if alive else self.allowed).wait_s(address)

    def is_flooding(self, address: str) -> bool:
        """Return whether an address has sent more than it may."""
        return max(self.allowed.wait_s(address), self.alive.wait_s(address)) > 0

    def note(self, address: str, device_id: str, *, is_known: bool, alive: bool) -> None:
        """Note how a request turned out that was looked at. is_known: a device of ours signed it."""
        whose = (network_of(address), device_id)
        if is_known:
            if not device_id:
                return  # the operator, who has a token and no name
            self._known[whose] = None
            self._known.move_to_end(whose)
            while len(self._known) > MOST_ADDRESSES:
                self._known.popitem(last=False)
            return
        self._known.pop(whose, None)
        (self.alive if alive else self.allowed).charge(address)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what an address is counted as."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # a proxy that names none: all of these are counted together
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _PREFIX), strict=False))
    return str(found)
