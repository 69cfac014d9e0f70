"""The ways between the three roles."""
