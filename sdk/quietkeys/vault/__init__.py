"""The vault: everything in a profile is sealed under one random key, which something else protects.

Belongs here: keys, what is sealed under them, and secrets as people carry them. What is sealed is for others.
The encryption process loads `sealing` alone, so nothing is imported here.
"""

from __future__ import annotations
