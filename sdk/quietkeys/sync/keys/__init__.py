"""Evaluation keys: their life from the first one to the last, and how they get to the trainer.

Belongs here: what calendar and user decide about keys. The keys themselves stay in `quietkeys.cipher`.
"""
