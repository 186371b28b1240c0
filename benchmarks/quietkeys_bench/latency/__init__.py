"""What typing waits for: time and memory of the keyboard in an interpreter of its own."""
