"""The upload of evaluation keys: in parts, going on where the last sync, or a broken connection, left off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from quietkeys.files import translated
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import Body
from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain, Untrusted
from quietkeys_protocol.messages import UploadState

PART_BYTES: Final = 1024 * 1024  # what a weak uplink brings over in the time that a trainer gives it
_DISAGREEMENTS: Final = 3  # about where the upload stands, in one call; then somebody else is at it


def upload_keys(client: TrainerClient, path: Path, key_id: str) -> None:
    """Bring the evaluation keys in a file to the trainer; what it has of them already is not sent again.

    key_id: their SHA-256 in hex. Raises as `TrainerClient`, TryAgain (STORAGE_FAILED), and Untrusted
    (TRAINER_GARBLED) if the trainer wants more bytes than there are.
    """
    disagreements = 0
    known = client.key_state(key_id)
    while known.state is not UploadState.STORED:
        part = _part(path, known.received)
        try:
            now = client.put_key_part(key_id, known.received, part)
        except Refused as error:
            disagreements += 1
            if error.code is not ErrorCode.UPLOAD_OFFSET:
                raise
            if disagreements > _DISAGREEMENTS:
                raise TryAgain(ErrorCode.TRAINER_BUSY, "another upload") from error
            now = client.key_state(key_id)
        else:
            gained = now.received - known.received
            if now.state is not UploadState.STORED and (gained != part.size or not gained):
                raise Untrusted(ErrorCode.TRAINER_GARBLED, "the upload")
        known = now


def _part(path: Path, offset: int) -> Body:
    """Return what comes next; no bytes after the last one, which asks the trainer to finish."""
    with translated(), path.open("rb") as stream:
        if offset > stream.seek(0, os.SEEK_END):
            raise Untrusted(ErrorCode.TRAINER_GARBLED, "more evaluation keys than there are")
        stream.seek(offset)
        return Body.of(stream.read(PART_BYTES))
