"""How bytes reach the server: connections of our own, and the doors they come in by."""
