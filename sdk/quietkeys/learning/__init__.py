"""From a kept word to stored counts: what is recorded, held out, taken back and forgotten.

Belongs here: what `record` and `undo` change in a profile, all or nothing. Cannot reach the network, the sync
or the encryption (a contract).
"""
