"""Customers are told."""
