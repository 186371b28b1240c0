"""From typed text to suggestions, and from a kept word to numbers: redaction, candidates, scores, events.

Belongs here: what `suggest` does and the arithmetic that `record` shares with it, on numbers and text in
memory. Cannot reach the network, the sync or the encryption (a contract).
"""
