"""The REST side of customers: one module a resource, each a thin shell around an operation of ``gateway.customers``."""
