"""Evaluation keys: their life from the first one made to the last one deleted, and how they get to the trainer.

Belongs here: what the calendar and the user decide about keys. The keys themselves stay in `quietkeys.cipher`.
"""
