"""The command `quietkeys-trainer`: serving, plans, administration.

Belongs here: options and what is printed. Nothing imports this room.
"""
