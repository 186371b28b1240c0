"""What an app holds of an open profile: one value for each subject, and the parts they share.

Belongs here: what `Personalizer` hands out, and nothing that works without an open profile. May import every
room below it; only the front door (`quietkeys.personalizer`) and the programs above it import this room.
"""
