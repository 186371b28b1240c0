"""The spell checkers that are compared, behind one interface."""
