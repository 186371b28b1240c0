"""The profile folder: its lock, its database of sealed rows, its outbox, its backups.

Belongs here: what is kept on disk, and under which name. What the rows mean is the business of rooms above.
"""
