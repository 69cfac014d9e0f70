"""The ways to devices outside: a server of the customer's, Apple, Google (NT-12…16)."""
