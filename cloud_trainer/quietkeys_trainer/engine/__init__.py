"""Running a compiled circuit on strangers' bytes: executors, and the confined child that parses them.

Belongs here: the only code that loads Concrete. It knows neither ledger nor storage nor HTTP (a contract).
"""
