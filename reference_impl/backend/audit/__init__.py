"""The audit trail: who did or saw what, when, of whom, at which institution. Append-only and chained."""
