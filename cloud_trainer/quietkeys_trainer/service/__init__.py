"""What all processes of a trainer share: settings, the parts made of them, backup, tidying."""
