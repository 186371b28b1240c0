"""Other people's libraries at work, each each in a process of its own; these scripts import none of us."""
