"""The communication server: agents' states, tasks, and what each role has to know of them."""
