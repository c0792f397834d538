"""Roles under test: for each device class its tester (stimulus side) and its view (oracle side)."""
