"""How close the encrypted step is to that of the integer program, and why: noise, approximate rounding."""
