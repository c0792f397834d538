"""Conformance: clauses, checks, verdicts, evidence and the dossier."""
