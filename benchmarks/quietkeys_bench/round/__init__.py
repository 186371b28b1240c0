"""A round of today's plan and one of another, in turn."""
