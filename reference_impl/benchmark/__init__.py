"""Benchmarks of the reference implementation, and what it is measured against. Nothing else imports this."""
