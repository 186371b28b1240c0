"""What left this device, as the SDK has it on record: one line for each errand, and the bytes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from quietkeys import LedgerKind, Personalizer, Sent
from quietkeys.remote.sent import MOST
from quietkeys_keyboard.presenters.words import size, when

HEX_COLUMNS: Final = 8
HEX_ROWS: Final = 8
BESIDES: Final = (
    "Each request also carries this device's name at the trainer, a time, a number used once and a signature."
)
OF_BACKUP: Final = (
    " What left before the backup was restored is told as the backup has it: of the device that it is of, and"
    " until it was made."
)
_ERRANDS: Final = (  # method, beginning and end of the path, what it is for
    ("POST", "/v1/devices", "", "Introduction: a public key, this device's name at the trainer"),
    ("GET", "/v1/devices/", "", "Question: do you still know this device?"),
    ("DELETE", "/v1/devices/", "", "Wish: delete everything of this device"),
    ("DELETE", "/v1/keys/", "", "Wish: delete the old keys"),
    ("GET", "/v1/keys/", "", "Question: how much have you of the keys?"),
    ("PUT", "/v1/keys/", "", "Evaluation keys: to compute with, not to read"),
    ("POST", "/v1/reports", "", "Your counts, encrypted"),
    ("GET", "/v1/jobs/", "/update", "Question: what is the encrypted update?"),
    ("GET", "/v1/jobs/", "", "Question: how far is the training?"),
    ("GET", "/v1/service", "", "Question: what is your public key?"),
    ("", "/v1/circle", "", "About your other devices, sealed for them"),
    ("", "/v1/invitations", "", "About your other devices, sealed for them"),
)


@dataclass(frozen=True, slots=True)
class Errand:
    """Requests in a row for one thing. sent: bytes of their bodies, received: of the answers' bodies."""

    title: str
    requests: int
    sent: int
    received: int
    time: float
    answered: bool

    def about(self) -> str:
        """Return amounts and time in words."""
        asks = self.title.startswith(("Question", "Wish"))
        what = f"{size(self.sent)} sent" if self.sent else "no more than that" if asks else "none of it"
        back = f", {size(self.received)} came back" if self.received else ""
        open_ = "" if self.answered else ", no answer"
        return f"{_count(self.requests)}, {what}{back}{open_}, {when(self.time)}"


def errands(sent: Sequence[Sent]) -> list[Errand]:
    """Return what left as one line for each errand, newest first."""
    found = []
    for title, group in groupby(sent, key=errand):
        requests = list(group)
        found.append(
            Errand(
                title,
                len(requests),
                sum(one.size for one in requests),
                sum(one.received for one in requests),
                requests[-1].time,
                requests[-1].status > 0,
            )
        )
    return found[::-1]


def errand(one: Sent) -> str:
    """Return what a request is for."""
    for method, begins, ends, title in _ERRANDS:
        if one.method.startswith(method) and one.path.startswith(begins) and one.path.endswith(ends):
            return title
    return "Something else"


def total(keyboard: Personalizer) -> str:
    """Return everything that left as one sentence; it says the same as the record, byte for byte.

    The record goes with a wipe, and goes back MOST requests: the sentence says so where it matters.
    """
    return _total(keyboard, "left", "Nothing has left this device")


def arrived(keyboard: Personalizer) -> str:
    """Return the same from where it went."""
    return _total(keyboard, "came from", "Nothing has come from this device")


def _total(keyboard: Personalizer, went: str, nothing: str) -> str:
    sent, lines = keyboard.sent(), keyboard.ledger()
    wiped = bool(lines) and lines[0].kind is LedgerKind.KEY_DESTROYED
    since = " since it was wiped" if wiped else ""
    if not sent:
        return f"{nothing}{since}."
    amount = f"{sum(one.size for one in sent):,} bytes {went} this device"
    if len(sent) >= MOST:
        return f"{amount} in the last {_count(len(sent))}."
    return f"{amount}{since}, in {_count(len(sent))}."


def _count(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests:,} requests"


@dataclass(frozen=True, slots=True)
class Page:
    """The bytes of one request, as they left."""

    title: str
    lines: tuple[str, ...]
    about: str


def pages(sent: Sequence[Sent]) -> list[Page]:
    """Return the requests that carried something, newest first."""
    return [_page(one) for one in reversed(sent) if one.size]


def _page(one: Sent) -> Page:
    shown = min(one.size, HEX_COLUMNS * HEX_ROWS)
    about = (
        f"The first {shown} of {one.size:,} bytes. SHA-256 of all of them: {one.sha256[:16]}... Entropy:"
        f" {one.entropy:.2f} bits a byte; random bytes have close to 8."
    )
    return Page(f"{errand(one)}. {when(one.time).capitalize()}", tuple(hex_lines(one.head)), about)


def hex_lines(head: bytes, rows: int = HEX_ROWS) -> list[str]:
    """Return bytes as lines of an offset and HEX_COLUMNS pairs of hex digits."""
    cut = [head[at : at + HEX_COLUMNS] for at in range(0, len(head), HEX_COLUMNS)][:rows]
    return [f"{place * HEX_COLUMNS:04x}  {row.hex(' ')}" for place, row in enumerate(cut)]
