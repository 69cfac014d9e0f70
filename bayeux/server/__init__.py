"""Bayeux sessions at work on an event loop; knows nothing of sockets."""
