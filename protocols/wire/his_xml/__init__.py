"""The interface of another HIS vendor: one address, XML, a word for the operation, fen as text, ``0`` for success.

An invention of this project in the manner of what is in use (spec/services.md 2.2, 2.3), to prove that what is built on the
neutral operations of :mod:`protocols.wire.his` does not depend on one wire.
"""
