"""Flows: the verdict on one from its history alone, its sealed dossier, and the verification of that."""
