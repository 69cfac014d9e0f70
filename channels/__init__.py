"""What our channels mean, as pure values: no event loop, no server, no store."""
