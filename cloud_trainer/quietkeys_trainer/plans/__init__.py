"""The plans that a trainer serves: recipes they are made from, where they are published, which are loaded.

Belongs here: what model owners and operators do with plans. Compiling them is the engine's.
"""
