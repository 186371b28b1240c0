"""The plans that a trainer serves, and the recipe by which each is run."""
