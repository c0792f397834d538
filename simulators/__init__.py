"""The far ends: devices, cards and peers, as pure state machines with thin shells."""
