"""Reports and updates as numbers: counts to a report, an update to an adapter, and whether it may be used.

Belongs here: what a report holds, the gate, the versions of the adapter. No network, no keys. May import
`learning` and what is below it.
"""
