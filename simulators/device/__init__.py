"""Devices: pure state machines, time as an argument, one file a device class."""
