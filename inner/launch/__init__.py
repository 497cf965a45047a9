"""Starts the box, relays terminal and signals, keeps time, and tells how it ended."""
