"""From a kept word to counts: what is recorded, counted, held out, and taken back.

Belongs here: what `record` and `undo` do. Cannot reach the network, the sync or the encryption (a contract).
"""
