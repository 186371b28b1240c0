"""The processes of a trainer: the server, its supervisor, its workers, their signals and logs.

Belongs here: what starts, watches and stops. What a process does lies in the rooms below.
"""
