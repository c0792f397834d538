"""Settlement: the rules (pure), the ledger (pure), and the engine that carries them out."""
