"""Identity: who stands at a terminal, for ten minutes."""
