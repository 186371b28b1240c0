"""The trainer's database: accounts, devices, keys, reports, jobs, circles, and the rules between them.

Belongs here: the tables and what is done with them. States and steps are enforced by the database itself
(`job_triggers`).
"""
