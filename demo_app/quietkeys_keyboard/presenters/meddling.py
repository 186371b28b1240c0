"""Somebody on the way between trainer and device, who changes one byte of an update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from quietkeys.remote.http import Answer, Request, Transport

_FLIPPED: Final = 0x80  # the upper bit of the last byte: of the last number, as large a change as there is


@dataclass(frozen=True, slots=True)
class ChangedByte:
    """A byte of an update: which of how many, counted from one; as it left, and as it came."""

    place: int
    size: int
    before: int
    after: int


@dataclass(slots=True)
class Meddler:
    """A transport that passes everything on; once told to, with the last byte of the next update changed."""

    inner: Transport
    changed: ChangedByte | None = None
    _waits: bool = False

    def meddle(self) -> None:
        """Change the next update."""
        self._waits = True

    def send(self, request: Request) -> Answer:
        """See `quietkeys.remote.http.Transport`."""
        answer = self.inner.send(request)
        is_update = request.method == "GET" and request.path.endswith("/update") and answer.status == 200
        if not (self._waits and is_update and answer.content):
            return answer
        *_, last = answer.content
        size, came = len(answer.content), last ^ _FLIPPED
        self._waits, self.changed = False, ChangedByte(size, size, last, came)
        return replace(answer, content=answer.content[:-1] + bytes((came,)))
