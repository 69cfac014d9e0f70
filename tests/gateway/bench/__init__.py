"""The load generator, its figures and its pictures."""
