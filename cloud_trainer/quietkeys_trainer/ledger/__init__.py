"""The trainer's database: accounts, devices, keys, reports, jobs, circles, and the rules between them.

Belongs here: every SQL statement. States and steps are enforced by the database itself (`job_triggers`).
"""
