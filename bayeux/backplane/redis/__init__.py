"""The backplane on Redis; imported only by who asks for it."""
