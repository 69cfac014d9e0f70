"""The Bayeux conversation as pure values and tables: no event loop, no clock, no socket."""
