"""The command `quietkeys`: what it prints, and what it asks the front door for.

Belongs here: commands and their tables. Nothing imports this room.
"""
