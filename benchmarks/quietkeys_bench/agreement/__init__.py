"""How close the step that comes back encrypted is to that of the integer program, and why: noise, rounding."""
