"""The media routing engine: queues, the choice of agents, and the booking of transfers and conferences."""
