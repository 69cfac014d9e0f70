"""The REST side of the agents: one module a resource, each a thin shell around ``gateway.agents.operations``."""
