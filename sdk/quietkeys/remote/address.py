"""The trainer's address: what a device is willing to send to."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from quietkeys_protocol.errors import ErrorCode, Refused


def trainer_address(url: str) -> str:
    """Return the address of a trainer in its one form: scheme, host and port, without a path.

    Raises Refused (ADDRESS_UNSAFE) unless it is https, or http on this very machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(ErrorCode.ADDRESS_UNSAFE) from error
    bare = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if not host or not bare or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise Refused(ErrorCode.ADDRESS_UNSAFE)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
