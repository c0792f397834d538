"""Simulated network services: pure cores that take time as an argument, and thin shells that own the sockets."""
