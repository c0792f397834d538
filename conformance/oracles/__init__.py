"""Oracles: pure functions from what happened to findings. The same ones judge a simulation, a real run and a load."""
