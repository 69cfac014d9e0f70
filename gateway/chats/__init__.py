"""Customers' chats: what an app asks of one, and what it hears while agents have it."""
