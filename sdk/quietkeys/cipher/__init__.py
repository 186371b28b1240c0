"""Keys, encryption and decryption: the only part of the product that holds a secret key.

The host application talks to `ProcessCipher`; all secrets live in the process behind it and in one file.
Where a system has no processes `LocalCipher` takes its place. `scheme` is the mathematics, `frames` the bytes
around it, `randomness` where secrets and noise come from, `key_set` what is made and how it is tested. What
comes in here needs numpy and `cryptography`, and no third library.
"""

from __future__ import annotations

from quietkeys.cipher.host import ProcessCipher, device_cipher
from quietkeys.cipher.interface import Cipher, Parameters

__all__ = ["Cipher", "Parameters", "ProcessCipher", "device_cipher"]
