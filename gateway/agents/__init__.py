"""Agents at work: their session with the contact center, their channels, their interactions."""
