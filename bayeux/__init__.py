"""Bayeux push for Tornado and asyncio: server, transports, client."""
