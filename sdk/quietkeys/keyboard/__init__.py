"""Keys and fingers: layouts, edits and their alignment, touches and what they say.

Belongs here: geometry and noise of typing. Neither a lexicon nor a store.
"""
