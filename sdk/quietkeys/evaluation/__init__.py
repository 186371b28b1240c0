"""Measures what learning is worth: simulated typing of real text, and the ladder of rungs compared on it."""
