"""The signed model bundle and what is read from it: the lexicon and its search, the two networks.

Belongs here: reading what we shipped, and what it says to everybody alike. Nothing of a user's is kept.
"""
