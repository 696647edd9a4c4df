"""The outside world for development: a bank in its own process that misbehaves on demand.

It imports nothing of Tollgate's, so that the two can never agree by accident.
"""
