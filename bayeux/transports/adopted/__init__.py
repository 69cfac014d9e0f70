"""Connections that are ours from the first Bayeux request on: bytes in, bytes out."""
