"""How many devices may enrol from one address. Nothing is written here.

A device that is known has a row, and its allowances are counted there. A newcomer has none, and whoever is
refused must not be given one: what it used up is kept in this process, for a bounded number of addresses, and
forgotten with it. Of an IPv6 address the first 64 bits count: whoever has one of these has them all.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quietkeys_trainer.ledger.accounts import MINUTE_S, Throttled

MOST_ADDRESSES: Final = 65_536  # 10 MB; the one that has not enrolled for longest is forgotten first
_PREFIX: Final = 64


@dataclass(slots=True)
class Newcomers:
    """Lets so many devices enrol from each address in a minute, and that many at once; 0 is no limit."""

    per_minute: int = 0
    clock: Callable[[], float] = time.monotonic
    _full_until: OrderedDict[str, float] = field(default_factory=OrderedDict)  # by address: when it drained
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, address: str) -> None:
        """Charge an enrolment to an address; raise `Throttled`, and charge nothing, where it had enough."""
        if not self.per_minute:
            return
        cost_s, now, whose = MINUTE_S / self.per_minute, self.clock(), _network(address)
        with self._lock:
            until = max(now, self._full_until.get(whose, now)) + cost_s
            if until > now + MINUTE_S:
                raise Throttled(math.ceil(until - now - MINUTE_S), "enrolments from this address")
            self._full_until[whose] = until
            self._full_until.move_to_end(whose)
            while len(self._full_until) > MOST_ADDRESSES:
                self._full_until.popitem(last=False)


def _network(address: str) -> str:
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
