"""What all processes of a trainer share: settings, the parts made of them, backup, tidying.

Belongs here: what puts ledger, storage and engine together. Requests and processes are above.
"""
