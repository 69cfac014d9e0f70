"""Callbacks of apps as they are kept and carried out: the shell around the machine of ``gateway.callback``."""
