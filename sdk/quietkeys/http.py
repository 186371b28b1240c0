"""The one place where the device speaks to the trainer: signed requests, time limits, retries.

Nothing here depends on a decrypted value, and no body but ciphertexts and public keys passes through.
"""

from __future__ import annotations

import hashlib
import random
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import requests

from quietkeys.errors import TrainerAnswerInvalid, TrainerRefused, TrainerUnreachable
from quietkeys.identity import Identity
from quietkeys_protocol.signing import signature_headers, signing_string

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
TRIES: Final = 4
_RETRIED: Final = frozenset({429, 502, 503, 504})
_CHUNK: Final = 1 << 20  # bytes
_LONGEST_WAIT: Final = 30.0  # seconds between two tries
