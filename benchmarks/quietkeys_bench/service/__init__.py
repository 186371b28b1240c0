"""A trainer under load."""
