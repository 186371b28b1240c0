"""One person's text on two devices, trained together and apart."""
