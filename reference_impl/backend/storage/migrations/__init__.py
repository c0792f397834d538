"""The steps of the database, in ``versions``; see :mod:`reference_impl.backend.storage.migrate`."""
