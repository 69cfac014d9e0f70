"""Who an agent is, and what he may do on Bayeux channels."""
