"""Keys, encryption and decryption: the only part of the product that holds a secret key.

The host application talks to `ProcessCipher`; all secrets live in the process behind it and in one file.
"""

from __future__ import annotations

from quietkeys.cipher.host import ProcessCipher
from quietkeys.cipher.interface import Cipher, Parameters

__all__ = ["Cipher", "Parameters", "ProcessCipher"]
