"""The reference implementation: what a vendor would deliver, started from a command line like a vendor's."""
