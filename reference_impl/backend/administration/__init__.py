"""Institutions, users, roles and what they permit (DG-OPS-01, DG-FIN-SYS-01, DG-SEC-03)."""
