"""Channels: how the backend speaks to HIS, insurance, bank and QR gateway, and what each answer means."""
