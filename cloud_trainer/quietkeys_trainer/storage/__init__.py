"""Ciphertexts and keys as bytes: the blob store, uploads in parts, the trainer's signing key.

Belongs here: whatever writes files (`files`) or objects, with the row that says how far an upload has come.
Nothing here looks inside a ciphertext.
"""
