"""One sync with the trainer: its order, its calendar, and what becomes of its update.

Belongs here: what decides what is sent and when, beginning with the user's consent. Nothing in this room may
let a decrypted value decide that (`tests/sdk/sync/test_no_oracle.py`). May import `updates`, `remote` and
`cipher`; never an app's part (`api`). What concerns several devices lies in `circle`, and a device on its own
runs none of it.
"""
