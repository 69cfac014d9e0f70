"""Telling customers: notices, the mailbox in which they wait, and the ways by which they reach a device."""
