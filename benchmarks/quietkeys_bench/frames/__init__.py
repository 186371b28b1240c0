"""How long the keyboard's window takes to draw."""
