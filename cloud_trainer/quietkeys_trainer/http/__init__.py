"""The API: who asks, what they may send, and what they are answered.

Belongs here: everything that knows a request. Parses no ciphertext, and runs none.
"""
