"""A text as a QR code."""

from __future__ import annotations

from typing import Final

import segno

Grid = list[list[bool]]
_LARGEST: Final = 15  # version


def qr_code(text: str) -> Grid:
    """Return the modules of a text as rows, True for dark, without the quiet zone of 4 around it.

    Bytes, correction level M. Raises ValueError for more than 412 bytes, which a screen shows too small.
    """
    try:
        code = segno.make_qr(text.encode(), error="m", mode="byte", version=None, boost_error=False)
    except segno.DataOverflowError as error:
        raise ValueError("too long for a QR code") from error
    if int(code.version) > _LARGEST:
        raise ValueError("too long for a QR code of version 15")
    return [[bool(module) for module in row] for row in code.matrix]
