"""What the device's encryption costs, beside the same by Concrete."""
