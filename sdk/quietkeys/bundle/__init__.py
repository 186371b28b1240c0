"""The signed model bundle and what is read from it: lexicon, symbols, language model.

Belongs here: reading what we shipped. Nothing of a user's.
"""
