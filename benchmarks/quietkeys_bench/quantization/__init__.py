"""What the integers of a plan keep of the gain of floating point."""
