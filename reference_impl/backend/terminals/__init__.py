"""Terminals: created by an operator, enrolled with their own key, heard by heartbeats, told by commands (DG-OPS-02..06)."""
