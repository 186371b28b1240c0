"""From typed text to suggestions: redaction, candidates, scores, choice.

Belongs here: what `suggest` does, on numbers and text in memory. Cannot reach the network, the sync or the
encryption (a contract).
"""
