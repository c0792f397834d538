"""Faults by id, seeded; mutants: catalogued faulty devices that the suites must find."""
