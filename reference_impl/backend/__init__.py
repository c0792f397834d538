"""The reference backend: terminals, identity, registration, bills, settlement, refunds, reconciliation, administration.

It stands on ``protocols.wire`` and the clock alone, is started from a command line, and has no other door than HTTP.
"""
