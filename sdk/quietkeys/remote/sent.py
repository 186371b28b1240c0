"""What left this device, noted where it leaves: around the transport, so that no request goes another way.

A request is on record before its first byte leaves, with all of its body as what may leave; when it has
ended, with what the network took of it. So the record never says less than what left, whatever is killed.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.files import translated
from quietkeys.profile.database import Database, NumberedRows
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of

if TYPE_CHECKING:  # imported when a sync begins
    from quietkeys.remote.http import Answer, Request, Transport

HEAD_BYTES: Final = 512  # of each body, kept to be looked at
MOST: Final = 2_000  # requests on record; a first sync makes some sixty
_BLOCK: Final = 2048  # bytes that a row is padded to
_SYMBOLS: Final = 256
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left this device.

    time: when it began, Unix seconds. trainer: its address. method, path: as HTTP has them.
    size: bytes of its body that the network took, so far while it is under way; of one that the end of the
    program cut off, all that may have left. sha256: of these bytes in order, in hex. entropy: bits per byte
    of them; random bytes have close to 8. head: the first of them, at most HEAD_BYTES.
    status: of the answer, as HTTP has it; 0 if none has come. received: bytes of the answer's body.
    """

    time: float
    trainer: str
    method: str
    path: str
    size: int
    sha256: str
    entropy: float
    head: bytes = field(repr=False)
    status: int = 0
    received: int = 0

    def to_bytes(self) -> bytes:
        """Return the bytes that `of_bytes` reads."""
        return json.dumps(asdict(self) | {"head": self.head.hex()}).encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> Sent:
        """Return the request in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
        try:
            tree: dict[str, Any] = json.loads(content)
            return cls(**tree | {"head": bytes.fromhex(tree["head"])})
        except (ValueError, TypeError, KeyError) as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "what was sent") from error


class SentRecord:
    """What a profile has on record of what left. Threads may share it; reading waits for no network."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._rows = NumberedRows(database, "sent", _BLOCK)
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[int, tuple[Sent, _Tally]] = {}  # by row
        self._ended: dict[int, Sent] | None = None  # by row, None until it is read

    def all(self) -> tuple[Sent, ...]:
        """Return what left, oldest first, what is under way as far as it has gone.

        Raises Untrusted (PROFILE_DAMAGED), TryAgain (STORAGE_FAILED).
        """
        with self._lock:
            found = dict(self._read())
            found |= {row: taken.of(begun) for row, (begun, taken) in self._under_way.items()}
        return tuple(found[row] for row in sorted(found))

    def forget(self) -> None:
        """Read it anew: it was wiped."""
        with self._lock:
            self._ended = None

    def carried(self, request: Request, trainer: str, send: Callable[[Request], Answer]) -> Answer:
        """Return the answer to a request, which is on record before it is sent.

        Raises as `send`, and TryAgain (DISK_FULL, STORAGE_FAILED) before anything is sent.
        """
        begun = Sent(self._clock(), trainer, request.method, request.path, 0, "", 0.0, b"")
        planned, taken = _Tally(), _Tally()
        with translated(), request.body.open() as body:
            while chunk := body.read(_CHUNK):
                planned.add(chunk)
        with self._lock:
            row = self._rows.add(planned.of(begun).to_bytes())
            self._database.run("DELETE FROM sent WHERE id <= ?", row - MOST)
            self._under_way[row] = begun, taken
        answer = None
        try:
            watched = replace(request.body, open=lambda: cast(BinaryIO, _Watched(request.body.open(), taken)))
            answer = send(replace(request, body=watched))
            return answer
        finally:
            self._end(row, taken.of(begun), answer)

    def _end(self, row: int, sent: Sent, answer: Answer | None) -> None:
        if answer is not None:
            sent = replace(sent, status=answer.status, received=len(answer.content))
        with self._lock:
            del self._under_way[row]
            with suppress(QuietkeysError):  # then all of it stays on record as what may have left
                if self._rows.change(row, sent.to_bytes()) and self._ended is not None:
                    self._ended[row] = sent

    def _read(self) -> dict[int, Sent]:
        if self._ended is None:
            self._ended = {row: Sent.of_bytes(content) for row, content in self._rows.all()}
        return self._ended


@dataclass(frozen=True, slots=True)
class RecordedTransport:
    """Puts every request to a trainer on record, and sends it."""

    inner: Transport
    trainer: str
    record: SentRecord

    def send(self, request: Request) -> Answer:
        """Send; see `Transport`."""
        return self.record.carried(request, self.trainer, self.inner.send)


class _Tally:
    """Bytes as they go by: how many, their hash, how often each occurs, the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = 0
        self._hash = hashlib.sha256()
        self._counts: Int64 = np.zeros(_SYMBOLS, np.int64)
        self._head = b""

    def add(self, chunk: bytes) -> None:
        """Count the bytes that come next."""
        with self._lock:
            self._size += len(chunk)
            self._hash.update(chunk)
            self._counts += np.bincount(np.frombuffer(chunk, np.uint8), minlength=_SYMBOLS)
            self._head += chunk[: HEAD_BYTES - len(self._head)]

    def of(self, request: Sent) -> Sent:
        """Return the request with these bytes."""
        with self._lock:
            return replace(
                request,
                size=self._size,
                sha256=self._hash.hexdigest(),
                entropy=entropy_of(self._counts),
                head=self._head,
            )


class _Watched(io.RawIOBase):
    """A body that tells what is read of it."""

    def __init__(self, inner: BinaryIO, tally: _Tally) -> None:
        super().__init__()
        self._inner = inner
        self._tally = tally

    def read(self, size: int = -1, /) -> bytes:
        """Read on, and tell."""
        chunk = self._inner.read(size)
        self._tally.add(chunk)
        return chunk

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move, as whoever measures a body does."""
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._inner.tell()

    def close(self) -> None:
        """Close the body too."""
        self._inner.close()
        super().close()


def entropy_of(counts: Int64) -> float:
    """Return Shannon's entropy in bits per symbol of how often each symbol occurs; 0.0 for none."""
    shares = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0
