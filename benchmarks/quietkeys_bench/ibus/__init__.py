"""The input method on a desktop, beside none and beside ibus-typing-booster.

`window`, `panel` and `booster` run in interpreters of their own and know nothing of us.
"""
