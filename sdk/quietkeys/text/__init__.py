"""Text as people write it: tokens, pieces, case, context.

Belongs here: rules about letters and spaces, without a model and without a lexicon.
"""
