"""Reports and updates as numbers: counts to a report, an update to an adapter, and whether it may be used.

Belongs here: encoding, plausibility, the gate, the versions of the adapter. No network, no keys.
"""
