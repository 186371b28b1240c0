"""Corrections of real mistakes, beside spell checkers."""
