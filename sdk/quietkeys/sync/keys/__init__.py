"""Evaluation keys: how old they are, what a sync does about that, and how they get to the trainer."""
