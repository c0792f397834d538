"""Benches, profiles, people and faults: models, the runtime that brings a bench up and down, and the YAML data."""
