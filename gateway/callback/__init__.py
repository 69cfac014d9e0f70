"""Callbacks of customers' apps, decided from values alone: no socket, store, clock or randomness."""
