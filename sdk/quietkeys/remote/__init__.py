"""The trainer over HTTP: addresses, requests and their answers, who we are to it, and which key we trust.

Belongs here: whatever speaks to a trainer, one request at a time. It knows no counts, no words and no keys
but the one that signs.
"""
