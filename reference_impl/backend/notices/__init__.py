"""Notices to citizens: where they can be reached, and the messages of the outbox on their way."""
