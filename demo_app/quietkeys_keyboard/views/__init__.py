"""What is drawn: Kivy widgets and `.kv` files. Everything they know comes from presenters."""
