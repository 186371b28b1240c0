"""What leaves, what is stored, what was learnt: all of it, for the eyes of its user alone.

What leaves is shown as it would leave: an open report's stored bytes, or a fresh encryption of the counts as
they are now. Beside each ciphertext stands what it hides, so that its user can compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from quietkeys.answers import Hidden, Inspection, Leaving, Stored
from quietkeys.arrays import Int64
from quietkeys.files import make_room, remove, translated
from quietkeys.profile.memory import Memory
from quietkeys.profile.outbox import Outbox
from quietkeys.remote.identity import identity_for
from quietkeys.remote.sent import entropy_of
from quietkeys.sync.circle.membership import place_in
from quietkeys.sync.context import SyncContext
from quietkeys.updates.report import report_arrays
from quietkeys.updates.versions import Adapters, adapter_of
from quietkeys_protocol.containers import REPORT_OVERHEAD, VALUE_OVERHEAD, decode_report
from quietkeys_protocol.errors import QuietkeysError
from quietkeys_protocol.templates import Frames

HEAD_BYTES: Final = 256
_CHUNK: Final = 1 << 20
_SYMBOLS: Final = 256
_FILES: Final = (
    ("profile.sqlite*", "database"),
    ("last-good.sqlite", "database as it last was when all of it could be read"),
    ("vault.header*", "key of the profile, wrapped, in two copies"),
    ("vault-*.key*", "key that unwraps it, in two copies"),
    ("identities/*", "identities, one for each trainer"),
    ("keys/*", "secret keys"),
    ("outbox/*", "reports under way"),
    ("damaged-*", "damaged databases that were set aside"),
)
_ROWS: Final = (
    ("memory", "counts of words, of words beside words, and of how words are written"),
    ("arrays", "counts of touches, and what parts of memory weigh"),
    ("counted", "choices that reports are counted from"),
    ("held_out", "choices kept to judge updates by"),
    ("adapters", "adapter versions"),
    ("ledger", "lines of the ledger"),
    ("sent", "requests that left, each with its size, its hash and its first bytes"),
)


def inspect(context: SyncContext, memory: Memory, frames: Frames | None) -> Inspection:
    """Return what a sync in this context sends, and what the profile holds. Sends nothing.

    frames: of real ciphertexts, so that heads and entropies are of their payload. Raises TryAgain (DISK_FULL,
    STORAGE_FAILED), Untrusted (PROFILE_DAMAGED).
    """
    leaves = list(_identity(context))
    complete = False
    try:
        if context.cipher.has_keys():
            leaves.append(_keys(context, frames))
            leaves += _report(context, frames)
            complete = True
    finally:
        context.cipher.close()
    words = sorted(memory.words().items(), key=lambda entry: (-entry[1], entry[0]))
    return Inspection(tuple(leaves), complete, tuple(_stored(context)), tuple(words), tuple(memory.own_words))


def _identity(context: SyncContext) -> Iterator[Leaving]:
    if context.trainer:
        public = identity_for(context.profile, context.trainer, context.store.database.key).public_key
        yield _leaving("public key of this device at this trainer", "once", public, 0)


def _keys(context: SyncContext, frames: Frames | None) -> Leaving:
    path = Outbox(context.store.database, context.profile, context.plan).keys_file
    make_room(path.parent)
    try:
        context.cipher.write_evaluation_keys(path)
        start = frames.keys.payload_start if frames else 0
        counts, size = np.zeros(_SYMBOLS, np.int64), 0
        with translated(), path.open("rb") as stream:
            stream.seek(start)
            head = stream.read(HEAD_BYTES)
            stream.seek(start)
            while chunk := stream.read(_CHUNK):
                counts += np.bincount(np.frombuffer(chunk, np.uint8), minlength=_SYMBOLS)
            size = stream.tell()
    finally:
        remove(path)
    return Leaving("evaluation keys", "once for each key", size, entropy_of(counts), head)


def _report(context: SyncContext, frames: Frames | None) -> Iterator[Leaving]:
    arrays, values, when = _open_report(context) or _fresh_report(context)
    head = REPORT_OVERHEAD + VALUE_OVERHEAD * len(values)
    yield Leaving("report: plan, key, sequence number, sizes", when, head, 0.0, b"")
    for place, (one, array, value) in enumerate(zip(context.plan.report_fields, arrays, values, strict=True)):
        start = frames.report[place].payload_start if frames else 0
        shown = _leaving(f"report: {one.block} {one.quantity}", when, value, start)
        yield replace(shown, hides=_hidden(array))


def _open_report(context: SyncContext) -> tuple[Sequence[Int64], Sequence[bytes], str] | None:
    outbox = Outbox(context.store.database, context.profile, context.plan)
    try:
        report = outbox.open_report()
        if report is None:
            return None
        values = decode_report(outbox.container(report)).ciphertexts
    except QuietkeysError:
        return None  # a sync drops it, too
    return report.arrays, values, "with this report, which is " + report.state.value


def _fresh_report(context: SyncContext) -> tuple[Sequence[Int64], Sequence[bytes], str]:
    weights, sources = (
        Adapters(context.store.database, context.plan).in_use(),
        place_in(context.store).sources,
    )
    masses = context.masses(adapter_of(context.plan, weights))
    arrays = report_arrays(context.plan, masses, weights, sources, context.environment.rng)
    return arrays, context.cipher.encrypt(arrays), "with every report"


def _leaving(what: str, when: str, content: bytes, start: int) -> Leaving:
    payload = content[start:]
    counts = np.bincount(np.frombuffer(payload, np.uint8), minlength=_SYMBOLS)
    return Leaving(what, when, len(content), entropy_of(counts), payload[:HEAD_BYTES])


def _hidden(array: Int64) -> Hidden:
    counts = np.unique(array, return_counts=True)[1]
    return Hidden(
        count=array.size,
        lowest=int(array.min()),
        highest=int(array.max()),
        not_zero=int(np.count_nonzero(array)),
        entropy=entropy_of(counts),
    )


def _stored(context: SyncContext) -> Iterator[Stored]:
    with translated():
        for name, what in _FILES:
            paths = [path for path in context.profile.glob(name) if path.is_file()]
            if paths:
                yield Stored(what, len(paths), sum(path.stat().st_size for path in paths))
    for table, what in _ROWS:
        ((count,),) = context.store.database.rows(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
        yield Stored(what, int(count), 0)
