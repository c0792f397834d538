"""Deterministic simulation of money: the reference kiosk and backend against the simulated peers, in one process, under
virtual time, with a network that fails and parties that crash. A test bench of the reference implementation, not a part
of it: it is the one package that knows both the implementation and the simulators.
"""
