"""The profile folder: its lock, its database of sealed rows, its outbox, its backups.

Belongs here: what is kept on disk, and under which name; every setting (`settings`) and every kind of line in
the user's ledger (`ledger`) is declared here. What the rows mean is the business of rooms above.
"""
