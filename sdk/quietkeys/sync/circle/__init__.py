"""Devices of one person that share a key set: how one gets in, what they tell each other, how one gets out.

What they exchange is sealed here, before it reaches the trainer's client, and opened here alone.
"""
