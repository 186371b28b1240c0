"""Ciphertexts and keys as bytes: the blob store, uploads in parts, the trainer's signing key.

Belongs here: whatever writes files or objects. Nothing here looks inside a ciphertext.
"""
