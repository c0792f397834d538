"""Flows: what one citizen does at a kiosk, step by step, and what has to come of it."""
