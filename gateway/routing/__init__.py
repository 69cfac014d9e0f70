"""The routing engine: agents, tasks, and the messages between the three roles."""
