"""Keys and fingers: layouts, edits, alignment, touches and what they say.

Belongs here: geometry and noise of typing. No words, no storage.
"""
