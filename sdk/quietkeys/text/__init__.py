"""Text as people write it: tokens, pieces and contexts, and the token that is being typed.

Belongs here: rules about letters and spaces, without a model and without a lexicon.
"""
